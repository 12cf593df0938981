import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClickrateError } from '../../src/errors.ts';
import { recordBatch } from '../../src/event.ts';
import { BatchWalk } from '../../src/sources/kafka/batches.ts';
import type { Aborted } from '../../src/sources/kafka/fetch.ts';
import { anyText } from '../support/any-text.ts';
import { inCodeMemory } from '../support/code-memory.ts';
import { fc } from '../support/fast-check.ts';
import { batchOf, markerOf, type Row, sealed } from '../support/kafka-batches.ts';
import { runsFromEnv } from '../support/random.ts';

const { seed, runs } = runsFromEnv({ seed: 1, runs: 10_000 });

type Seen = { offset: number; arrivalMs: number; key: string | null; value: string };

type Walked = { seen: Seen[]; position: number; pieces: number };

/** Everything that is handed over, in pieces of about `maxBytes`: the same wherever it lies. */
function walked(
  bytes: Buffer,
  position = 0,
  aborted: Aborted[] = [],
  maxBytes = 1_048_576,
): Walked {
  // Not at the beginning of its buffer, as in an answer.
  const answer = Buffer.concat([Buffer.alloc(13), bytes, Buffer.alloc(7)]);
  const end = 13 + bytes.length;
  const outcome = (where: Buffer) => {
    try {
      return walkedIn(where, end, position, aborted, maxBytes);
    } catch (error) {
      return error as ClickrateError;
    }
  };
  const [one, other] = [outcome(answer), outcome(inCodeMemory(answer))];
  assert.deepEqual(other, one);
  if (one instanceof Error) throw one;
  return one;
}

function walkedIn(
  answer: Buffer,
  end: number,
  position: number,
  aborted: Aborted[],
  maxBytes: number,
): Walked {
  const walk = new BatchWalk('clicks-2', maxBytes);
  const out = recordBatch(new Uint8Array(0), 1);
  walk.begin({ bytes: answer, start: 13, end, aborted }, position);
  const seen: Seen[] = [];
  let pieces = 0;
  while (!walk.isDone) {
    walk.next(out, 5_000);
    pieces++;
    const text = (from: number, to: number) => Buffer.from(out.bytes.slice(from, to)).toString();
    for (let i = 0; i < out.count; i++) {
      const [keyStart, keyEnd] = [out.keyStarts![i], out.keyEnds![i]];
      seen.push({
        offset: out.offsets[i],
        arrivalMs: out.arrivals[i],
        key: keyEnd < keyStart ? null : text(keyStart, keyEnd),
        value: text(out.starts[i], out.ends[i]),
      });
    }
  }
  return { seen, position: walk.position, pieces };
}

const rows = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, n) => ({ key: `k${from + n}`, value: `value ${from + n}` }));
const offsets = (seen: readonly Seen[]) => seen.map(({ offset }) => offset);

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)
  test(`records of ${compression} batches come with offset, key, value and time`, () => {
    const bytes = Buffer.concat([
      batchOf({ base: 40, rows: rows(40, 3), compression, appendMs: 777 }),
      batchOf({ base: 43, rows: [{ key: null, value: null }], compression, firstMs: 900 }),
      batchOf({ base: 50, rows: [{ key: '', value: 'x' }], compression, firstMs: 9_000 }),
    ]);
    const { seen, position } = walked(bytes, 41);
    assert.deepEqual(seen, [
      { offset: 41, arrivalMs: 777, key: 'k41', value: 'value 41' },
      { offset: 42, arrivalMs: 777, key: 'k42', value: 'value 42' },
      // A tombstone is a record too; its producer's time is its arrival.
      { offset: 43, arrivalMs: 900, key: null, value: '' },
      // But not a time after now.
      { offset: 50, arrivalMs: 5_000, key: '', value: 'x' },
    ]);
    assert.equal(position, 51);
  });

test('a record without a time arrived now, not before all events', () => {
  const at = (base: number, firstMs: number) =>
    batchOf({ base, rows: [{ key: null, value: 'x' }], firstMs });
  const { seen } = walked(Buffer.concat([at(0, -1), at(1, 0), at(2, -2), at(3, 2 ** 53)]));
  assert.deepEqual(
    seen.map(({ arrivalMs }) => arrivalMs),
    [5_000, 0, -2, 5_000],
  );
});

test('mixed codecs are handed over in order, in pieces of a bounded size', () => {
  const long = (from: number): Row[] => [{ key: null, value: `${from}:${'y'.repeat(3_000)}` }];
  const codecs = ['gzip', 'none', 'none', 'zstd', 'lz4', 'none', 'snappy', 'gzip'] as const;
  const bytes = Buffer.concat(
    codecs.map((compression, n) => batchOf({ base: n, rows: long(n), compression })),
  );
  const { seen, pieces } = walked(bytes, 0, [], 4_096);
  assert.deepEqual(offsets(seen), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.ok(seen.every(({ value, offset }) => value === `${offset}:${'y'.repeat(3_000)}`));
  assert.ok(pieces >= 4, `${pieces} pieces`);
});

test('a batch cut off by the end of the answer is left for the next fetch', () => {
  const whole = batchOf({ base: 0, rows: rows(0, 4) });
  const next = batchOf({ base: 4, rows: rows(4, 4) });
  for (const cut of [1, 16, 60, next.length - 1]) {
    const { seen, position } = walked(Buffer.concat([whole, next.subarray(0, cut)]));
    assert.deepEqual(offsets(seen), [0, 1, 2, 3]);
    assert.equal(position, 4);
  }
});

test('aborted transactions and control batches are passed over, committed ones are not', () => {
  const of = (base: number, count: number, producerId: bigint) =>
    batchOf({ base, rows: rows(base, count), producerId });
  const bytes = Buffer.concat([
    of(0, 2, 7n),
    of(2, 1, 8n),
    batchOf({ base: 3, rows: rows(3, 1) }),
    markerOf(4, 7n, false),
    of(5, 1, 7n),
    markerOf(6, 8n, true),
    markerOf(7, 7n, true),
  ]);
  const { seen, position } = walked(bytes, 0, [{ producerId: 7n, firstOffset: 0 }]);
  assert.deepEqual(offsets(seen), [2, 3, 5]);
  assert.equal(position, 8);
});

test('an aborted transaction whose marker comes with a later fetch is passed over too', () => {
  const first = batchOf({ base: 10, rows: rows(10, 2), producerId: 7n });
  const aborted = [{ producerId: 7n, firstOffset: 9 }];
  assert.deepEqual(walked(first, 10, aborted), { seen: [], position: 12, pieces: 1 });
  const rest = Buffer.concat([
    batchOf({ base: 12, rows: rows(12, 1), producerId: 7n }),
    markerOf(13, 7n, false),
    batchOf({ base: 14, rows: rows(14, 1), producerId: 7n }),
  ]);
  assert.deepEqual(offsets(walked(rest, 12, aborted).seen), [14]);
});

test('an answer that begins with the marker of an aborted transaction hides nothing behind it', () => {
  const bytes = Buffer.concat([
    markerOf(13, 7n, false),
    batchOf({ base: 14, rows: rows(14, 2), producerId: 7n }),
    markerOf(16, 7n, true),
    batchOf({ base: 17, rows: rows(17, 1), producerId: 7n }),
    markerOf(18, 7n, false),
  ]);
  // A broker lists those that end at or behind the offset asked for.
  const aborted = [10, 17].map((firstOffset) => ({ producerId: 7n, firstOffset }));
  const { seen, position } = walked(bytes, 13, aborted);
  assert.deepEqual(offsets(seen), [14, 15]);
  assert.equal(position, 19);
});

test('what compaction leaves of batches is passed over: heads without records', () => {
  const emptied = (batch: Buffer) => {
    const head = Buffer.from(batch.subarray(0, 61));
    head.writeInt32BE(head.length - 12, 8);
    head.writeInt32BE(0, 57);
    return sealed(head);
  };
  const bytes = Buffer.concat([
    emptied(batchOf({ base: 0, rows: rows(0, 3) })),
    emptied(markerOf(3, 7n, true)),
    batchOf({ base: 9, rows: rows(9, 1), producerId: 8n }),
    emptied(markerOf(10, 8n, true)),
  ]);
  const { seen, position } = walked(bytes);
  assert.deepEqual(offsets(seen), [9]);
  assert.equal(position, 11);
});

test('an aborted transaction right behind another of its producer is passed over as well', () => {
  const bytes = Buffer.concat([
    batchOf({ base: 7, rows: rows(7, 1), producerId: 7n }),
    markerOf(8, 7n, false),
    batchOf({ base: 9, rows: rows(9, 1), producerId: 7n }),
    markerOf(10, 7n, false),
    batchOf({ base: 11, rows: rows(11, 1), producerId: 7n }),
  ]);
  const aborted = [7, 9].map((firstOffset) => ({ producerId: 7n, firstOffset }));
  assert.deepEqual(offsets(walked(bytes, 7, aborted).seen), [11]);
});

const damages: [string, (bytes: Buffer) => Buffer, RegExp][] = [
  ['a flipped bit', (b) => Buffer.from(b.fill(b[70] ^ 1, 70, 71)), /checksum/],
  ['an old format', (b) => Buffer.from(b.fill(1, 16, 17)), /message format 1/],
  [
    'too many records',
    (b) => {
      b.writeInt32BE(900, 57);
      return sealed(b);
    },
    /do not fit/,
  ],
  [
    'fewer records',
    (b) => {
      b.writeInt32BE(2, 57);
      return sealed(b);
    },
    /do not fit/,
  ],
  [
    'a record length beyond the batch',
    (b) => {
      b.writeUInt8(0xfe, 61);
      return sealed(b);
    },
    /do not fit/,
  ],
  [
    'an unknown codec',
    (b) => {
      b.writeInt16BE(7, 21);
      return sealed(b);
    },
    /unknown compression codec 7/,
  ],
  [
    'bytes that are no gzip',
    (b) => {
      b.writeInt16BE(1, 21);
      return sealed(b);
    },
    /decompressed/,
  ],
  [
    'bytes that are no snappy',
    (b) => {
      b.writeInt16BE(2, 21);
      return sealed(b);
    },
    /decompressed/,
  ],
  [
    'bytes that are no lz4',
    (b) => {
      b.writeInt16BE(3, 21);
      return sealed(b);
    },
    /decompressed/,
  ],
  [
    'bytes that are no zstd',
    (b) => {
      b.writeInt16BE(4, 21);
      return sealed(b);
    },
    /decompressed/,
  ],
  [
    'a size below its head',
    (b) => {
      b.writeInt32BE(30, 8);
      return b;
    },
    /only 42 bytes/,
  ],
];
for (const [name, damage, sentence] of damages)
  test(`${name}: an error that names topic, partition and offset`, () => {
    const bytes = damage(batchOf({ base: 1_234, rows: rows(0, 3) }));
    assert.throws(
      () => walked(bytes, 1_234),
      (error: ClickrateError) => {
        assert.equal(error.code, 'source_damaged');
        assert.match(error.message, /clicks-2 offset 1234/);
        assert.match(error.message, sentence);
        return true;
      },
    );
  });

test('a batch that would fill the memory is refused before it is decompressed', () => {
  const head = batchOf({ base: 0, rows: rows(0, 1) }).subarray(0, 61);
  // A block of snappy begins with its size: 150 MB.
  const bytes = Buffer.concat([head, Buffer.from([0x80, 0xa3, 0xc3, 0x47, 0])]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt16BE(2, 21);
  assert.throws(() => walked(sealed(bytes)), /more than 134217728 bytes/);
});

test('any batches, any position: every record at or after it exactly once', () => {
  const text = fc.option(anyText({ maxLength: 300 }), { nil: null });
  const batch = fc.record({
    rows: fc.array(fc.record({ key: text, value: text }), { minLength: 1, maxLength: 40 }),
    compression: fc.constantFrom('none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
    gap: fc.nat(5),
    firstMs: fc.integer({ min: 0, max: 4_000 }),
  });
  const run = fc.property(
    fc.array(batch, { maxLength: 8 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 61, max: 5_000 }),
    (batches, share, maxBytes) => {
      let base = 0;
      const expected: Seen[] = [];
      const parts = batches.map(({ rows: list, compression, gap, firstMs }) => {
        base += gap;
        const bytes = batchOf({ base, rows: list, compression, firstMs });
        list.forEach(({ key, value }, n) => {
          const round = (t: string) => Buffer.from(t).toString();
          expected.push({
            offset: base + n,
            arrivalMs: firstMs + n,
            key: key === null ? null : round(key),
            value: round(value ?? ''),
          });
        });
        base += list.length;
        return bytes;
      });
      const from = Math.floor(share * base);
      const { seen } = walked(Buffer.concat(parts), from, [], maxBytes);
      assert.deepEqual(
        seen,
        expected.filter(({ offset }) => offset >= from),
      );
    },
  );
  fc.assert(run, { seed, numRuns: Math.ceil(runs / 10) });
});

test('batches of many records, and of long ones, are walked to their last', () => {
  for (const count of [8_191, 8_192, 8_193, 20_000]) {
    const list = Array.from({ length: count }, (_, n) => ({ key: null, value: `${n}` }));
    const { seen } = walked(batchOf({ base: 7, rows: list, appendMs: 1 }));
    assert.equal(seen.length, count);
    assert.ok(seen.every(({ offset, value }, n) => offset === 7 + n && value === `${n}`));
  }
  for (const length of [50, 60, 63, 64, 8_170, 8_180, 8_185, 8_192, 70_000]) {
    const long = 'v'.repeat(length);
    const row = { key: 'k'.repeat(length), value: long };
    const { seen } = walked(batchOf({ base: 0, rows: [row, { key: null, value: long }] }));
    assert.deepEqual(
      seen.map(({ value, key }) => [value, key]),
      [
        [long, row.key],
        [long, null],
      ],
    );
  }
});

test('whatever bytes a batch has, both ways of walking see the same', () => {
  const text = fc.option(fc.string({ maxLength: 90 }), { nil: null });
  const run = fc.property(
    fc.array(fc.record({ key: text, value: text }), { minLength: 1, maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 3 }),
    fc.integer({ min: -1, max: 8 }),
    fc.option(fc.nat(9_000), { nil: undefined }),
    (list, changes, count, appendMs) => {
      const bytes = batchOf({
        base: 3,
        rows: list,
        ...(appendMs === undefined ? {} : { appendMs }),
      });
      for (const [at, byte] of changes) bytes[61 + (at % (bytes.length - 61))] = byte;
      if (count < 7) bytes.writeInt32BE(count, 57);
      try {
        walked(sealed(bytes), 0);
      } catch (error) {
        // That both are the same was asserted; damaged is what most of them are.
        assert.equal((error as ClickrateError).code, 'source_damaged', String(error));
      }
    },
  );
  fc.assert(run, { seed, numRuns: runs });
});
