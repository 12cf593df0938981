import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { recordBatch } from '../../src/event.ts';
import { Generator } from '../../src/sources/generate.ts';
import { BatchWalk } from '../../src/sources/kafka/batches.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { headerBytes, headersAt } from '../../src/sources/kafka/headers.ts';
import { answeredError, ProduceBatch } from '../../src/sources/kafka/produce-batch.ts';
import { type Delivery, ProduceLane } from '../../src/sources/kafka/produce-lane.ts';
import { murmur2, partitionOf } from '../../src/sources/kafka/produce-partition.ts';
import { TrafficWriter } from '../../src/sources/kafka/produce-traffic.ts';
import type { Sender } from '../../src/sources/kafka/sender.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const producer = { id: 7n, epoch: 3 };
/** Bytes behind the records in a request. */
const TAIL = 3;

/** Adds a record of a key (null: none) and a value. */
function add(batch: ProduceBatch, key: Buffer | null, value: Buffer, headers?: Buffer): void {
  const keyBytes = key ?? Buffer.alloc(0);
  const keyEnd = key === null ? -1 : key.length;
  batch.add(keyBytes, 0, keyEnd, value, 0, value.length, headers ?? null);
}

/** What our own fetch path, which checks sizes and checksum, reads out of a request. */
function readBack(request: Buffer, batch: ProduceBatch) {
  const end = request.length - TAIL;
  const walk = new BatchWalk('t-0', 1 << 30);
  walk.begin({ bytes: request, start: end - batch.size, end, aborted: [] }, 0);
  const out = recordBatch(new Uint8Array(0), 1);
  walk.next(out, Number.MAX_SAFE_INTEGER);
  assert.ok(walk.isDone);
  return Array.from({ length: out.count }, (_, n) => {
    const [from, to] = [out.keyStarts![n], out.keyEnds![n]];
    const slice = (a: number, b: number) => Buffer.from(out.bytes.subarray(a, b)).toString('hex');
    const key = to < from ? null : slice(from, to);
    return { key, value: slice(out.starts[n], out.ends[n]), at: out.arrivals[n] };
  });
}

suite('partition of a key', () => {
  // From UtilsTest of Apache Kafka.
  const vectors = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const;
  test("murmur2 is Java's", () => {
    for (const [text, hash] of vectors) {
      const bytes = Buffer.from(`--${text}--`);
      assert.equal(murmur2(bytes, 2, bytes.length - 2), hash, text);
    }
  });

  test('a negative hash is made positive as Java does it', () => {
    // -973932308 & 0x7fffffff = 1173551340; taken as unsigned it would be 3321034988.
    assert.equal(partitionOf(Buffer.from('21'), 0, 2, 3), 1_173_551_340 % 3);
    assert.notEqual(1_173_551_340 % 3, 3_321_034_988 % 3);
  });
});

suite('lane of a partition', () => {
  test('a record that would make a batch too long for a broker begins another', () => {
    // Nothing is sent here, so the cluster is never asked.
    const cluster = { options: { clientId: 'test' } } as KafkaCluster;
    const lane = new ProduceLane({
      cluster,
      clock: systemClock,
      topic: 't',
      partition: 0,
      giveUpMs: 1_000,
      onTrouble: () => {},
    });
    const put = (bytes: number) => {
      const { batch } = lane.open(bytes);
      add(batch, null, Buffer.alloc(bytes));
      return batch;
    };
    const first = put(300_000);
    assert.equal(put(200_000), first, 'both fit');
    const large = put(900_000);
    assert.notEqual(large, first);
    assert.notEqual(put(10), large, 'a record longer than a batch is alone in it');
    for (const { size } of [first, large]) assert.ok(size < 1_000_000, `${size} bytes`);
  });
});

suite('generated traffic', () => {
  const PARTITIONS = 3;

  /** A sender that keeps what it is given, in one batch a partition. */
  function keeping() {
    const topics = new Map<string, Delivery[]>();
    const sender = {
      async topic(name: string) {
        const deliveries = Array.from({ length: PARTITIONS }, (_, partition) => {
          const batch = new ProduceBatch('test', name, partition);
          return { batch, records: 0 } as Delivery;
        });
        topics.set(name, deliveries);
        return { name, lanes: deliveries.map((delivery) => ({ open: () => delivery })) };
      },
      room: (lane: ProduceLane) => lane.open(0),
      put(
        { lanes }: { lanes: ProduceLane[] },
        ...[key, from, to, ...value]: [Buffer, number, number, Buffer, number, number]
      ) {
        const partition = to < from ? 0 : partitionOf(key, from, to, PARTITIONS);
        lanes[partition].open(0).batch.add(key, from, to, ...value, null);
      },
    };
    return { topics, sender: sender as unknown as Sender };
  }

  test('each event is in the partition of its product, with the text of other traffic', async () => {
    const options = {
      rate: 300,
      products: 2_500,
      ids: true,
      duplicates: 0.1,
      late: 0.1,
      broken: 0.05,
    };
    for (const startMs of [1_700_000_000_000, 999_999_995_000, -5_000, 9_999_999_999_000]) {
      const { topics, sender } = keeping();
      const writer = new TrafficWriter(sender);
      await writer.open({ impressions: 'i', clicks: 'c' });
      const direct = new Generator(startMs, options, writer);
      direct.next(startMs + 10_000);
      direct.rest();
      const other = new Generator(startMs, options);
      const expected = new Map<string, string[]>();
      for (const batch of [() => other.next(startMs + 10_000), () => other.rest()]) {
        const { count, bytes, starts, ends } = batch();
        for (let n = 0; n < count; n++) {
          const text = Buffer.from(bytes.subarray(starts[n], ends[n])).toString();
          const key = /"product_id": "(.+?)", /.exec(text)?.[1];
          // A broken one may have a product without saying what kind it is.
          const topic = /"event_type": "click"/.test(text) && text.at(-1) === '}' ? 'c' : 'i';
          const bytesOfKey = Buffer.from(key ?? '');
          const isKeyed = key !== undefined && text.at(-1) === '}';
          const partition = isKeyed ? partitionOf(bytesOfKey, 0, key.length, PARTITIONS) : 0;
          const list = expected.get(`${topic}-${partition}`) ?? [];
          expected.set(`${topic}-${partition}`, list);
          list.push(`${isKeyed ? key : null} ${text}`);
        }
      }
      for (const [topic, deliveries] of topics)
        for (const [partition, { batch }] of deliveries.entries()) {
          const found = readBack(batch.sealed(producer, 0), batch).map(({ key, value }) => {
            const name = key === null ? null : Buffer.from(key, 'hex').toString();
            return `${name} ${Buffer.from(value, 'hex').toString()}`;
          });
          assert.deepEqual(found, expected.get(`${topic}-${partition}`));
        }
      assert.deepEqual(direct.truth(), other.truth());
    }
  });
});

suite('batch to send', () => {
  test('any records come back as they were put, also from a batch used again', () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((b) => Buffer.from(b));
    const record = fc.record({ key: fc.option(bytes), value: bytes });
    const lists = fc.array(fc.array(record, { minLength: 1, maxLength: 300 }), { maxLength: 3 });
    fc.assert(
      fc.property(lists, fc.string({ minLength: 1, maxLength: 249 }), (all, topic) => {
        const batch = new ProduceBatch('test', topic, 5);
        for (const records of all) {
          batch.clear(1_700_000_000_000);
          for (const { key, value } of records) add(batch, key, value);
          const expected = records.map(({ key, value }) => ({
            key: key?.toString('hex') ?? null,
            value: value.toString('hex'),
            at: 1_700_000_000_000,
          }));
          assert.deepEqual(readBack(batch.sealed(producer, 9), batch), expected);
        }
      }),
      { numRuns: shareOf(40) },
    );
  });

  test('sent again it is the same bytes; with other numbers only these differ', () => {
    const batch = new ProduceBatch('test', 'impressions', 0);
    for (let n = 0; n < 1_000; n++) add(batch, Buffer.from(`product${n}`), Buffer.alloc(150, 65));
    const first = Buffer.from(batch.sealed(producer, 5));
    assert.ok(first.equals(batch.sealed(producer, 5)));
    assert.equal(first.readInt32BE(0), first.length - 4);
    const other = batch.sealed({ id: 8n, epoch: 0 }, 0);
    const differing = [...other.keys()].filter((n) => other[n] !== first[n]);
    // Checksum, producer id, epoch, sequence.
    const batchAt = first.length - TAIL - batch.size;
    assert.ok(differing.every((n) => n - batchAt >= 17 && n - batchAt < 57));
    assert.ok(differing.some((n) => n - batchAt >= 43));
  });

  test('headers lie as the format says', () => {
    const bytes = headerBytes({ reason: 'too_late', message: 'é'.repeat(40) });
    assert.equal(bytes[0], 4);
    assert.equal(bytes.subarray(1, 8).toString(), '\x0creason');
    assert.equal(bytes.subarray(8, 17).toString(), '\x10too_late');
    // 80 bytes, zigzag 160: two bytes.
    assert.deepEqual([...bytes.subarray(25, 27)], [0xa0, 0x01]);
    assert.equal(bytes.length, 27 + 80);
    const placed = Buffer.concat([Buffer.from('value'), bytes]);
    assert.deepEqual(headersAt(placed, 5), { reason: 'too_late', message: 'é'.repeat(40) });
    // A header without a value has the length -1.
    assert.deepEqual(headersAt(Buffer.from([2, 2, 97, 1]), 0), { a: '' });
  });

  test('the error of an answer is found behind long names too; a torn answer is one', () => {
    for (const length of [1, 126, 127, 249]) {
      const size = length + 1 < 128 ? [length + 1] : [((length + 1) & 127) | 128, 1];
      const name = Buffer.alloc(length, 65);
      const front = Buffer.from([...Buffer.alloc(9), 2, ...size]);
      const answer = Buffer.concat([front, name, Buffer.from([2, 0, 0, 0, 5, 0, 6, 0, 0])]);
      assert.equal(answeredError(answer), 6);
    }
    assert.equal(answeredError(Buffer.alloc(12)), -1);
  });
});
