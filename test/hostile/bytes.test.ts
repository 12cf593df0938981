/**
 * Bytes that come from outside, changed at random: events, record batches, files, checkpoint parts,
 * settings. Never an error without a code, never for ever, never more memory than its limit, and
 * every event that cannot be used is rejected, not gone.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { configure } from '../../src/cli/options.ts';
import { LIMITS, OPTIONS, SETTINGS } from '../../src/config.ts';
import { eventBatch } from '../../src/decode/columns.ts';
import { Products } from '../../src/decode/products.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { Decoder } from '../../src/decode/scan.ts';
import { Task } from '../../src/engine/task.ts';
import { recordBatch, VERDICTS } from '../../src/event.ts';
import { openStatus } from '../../src/seal.ts';
import { SinkState } from '../../src/sink/state.ts';
import { parseCsvMapping } from '../../src/sources/csv.ts';
import { BatchWalk } from '../../src/sources/kafka/batches.ts';
import { MAX_DECOMPRESSED_BYTES } from '../../src/sources/kafka/decompress.ts';
import { parseTime } from '../../src/sources/timestamps.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { readAll } from '../sources/file-reader.ts';
import { statusOf } from '../stores/commits.ts';
import { batchOf, sealed } from '../support/kafka-batches.ts';
import { ROOT, temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { copy, used } from './directory.ts';
import { known, mustBeClean, mustBeKnown, mutated } from './mutate.ts';

const { seed, runs } = runsFromEnv({ seed: 1, runs: 2_000 });
const data = (name: string) => readFileSync(join(ROOT, 'test/data', name), 'utf8');
const CORPUS = data('decode-corpus.ndjson')
  .trim()
  .split('\n')
  .map((line) => Buffer.from((JSON.parse(line) as { base64: string }).base64, 'base64'));
const CSV = data('open-bandit/bts-men.csv').split('\n').slice(0, 40).join('\n');

/** Calls `body` for every seed, within a time that only something that hangs would take. */
async function eachSeed(
  count: number,
  body: (random: Random, where: string) => unknown,
): Promise<void> {
  for (let n = seed; n < seed + Math.ceil(count); n++) {
    const beganMs = performance.now();
    await body(new Random(n), `CLICKRATE_SEED=${n}`);
    assert.ok(performance.now() - beganMs < 5_000, `CLICKRATE_SEED=${n} takes too long`);
  }
  mustBeClean();
}

test(`${runs * 10} mutated events: scan = reference, all judged`, async () => {
  const products = new Products({ maxProducts: 100_000 });
  const events = eventBatch(10);
  await eachSeed(runs, (random, where) => {
    const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
    const rows = Array.from({ length: 10 }, () => mutated(random.pick(CORPUS), random));
    const records = recordsOf(rows, 1_700_000_000_000);
    decoder.decode(records, 0, 10, events);
    for (let i = 0; i < 10; i++) {
      const [start, end] = [records.starts[i], records.ends[i]];
      const said = judgeReference(records.bytes, start, end, records.arrivals[i], SETTINGS);
      const wanted = 'reject' in said ? said.reject : `${said.product} ${said.time} ${said.kind}`;
      const found =
        events.reject[i] === 0
          ? `${products.name(events.product[i])} ${events.time[i]} ${events.kind[i]}`
          : VERDICTS[events.reject[i]];
      assert.equal(found, wanted, `${where}, row ${i}: ${rows[i].toString('latin1')}`);
    }
  });
});

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

test(`${runs} mutated record batches are read or refused`, async (t) => {
  const outcomes = { read: 0, refused: 0 };
  const out = recordBatch(new Uint8Array(0), 1);
  await eachSeed(runs, (random, where) => {
    const rows = Array.from({ length: random.int(1, 5) }, (_, n) => ({ key: `k${n}`, value: 'v' }));
    const base = random.int(0, 1_000);
    let bytes: Buffer = batchOf({ base, rows, compression: random.pick(CODECS) });
    const from = random.chance(0.6) ? 61 : 0;
    bytes = Buffer.concat([bytes.subarray(0, from), mutated(bytes.subarray(from), random)]);
    // Mostly with the right length and checksum, so that what is inside is looked at.
    if (bytes.length >= 61 && random.chance(0.8)) {
      bytes.writeInt32BE(bytes.length - 12, 8);
      if (random.chance(0.2)) bytes.writeInt16BE(random.int(0, 63), 21);
      bytes = sealed(bytes);
    }
    const walk = new BatchWalk('t-0', LIMITS.batchBytes);
    walk.begin({ bytes, start: 0, end: bytes.length, aborted: [] }, 0);
    const isRead = known(() => {
      for (let n = 0; !walk.isDone; n++) {
        assert.ok(n < 100, `${where}: no end`);
        walk.next(out, 5_000);
        for (let i = 0; i < out.count; i++)
          assert.ok(out.starts[i] <= out.ends[i] && out.ends[i] <= out.bytes.length, where);
      }
      return true;
    }, where);
    outcomes[isRead === true ? 'read' : 'refused']++;
  });
  t.diagnostic(JSON.stringify(outcomes));
});

test('record batches that would fill the memory are refused before they do', () => {
  const bomb = Buffer.alloc(MAX_DECOMPRESSED_BYTES + 1_000);
  const head = batchOf({ base: 0, rows: [{ key: null, value: 'x' }] }).subarray(0, 61);
  for (const [codec, packed] of [
    [1, gzipSync(bomb, { level: 1 })],
    // A snappy block, and a framed one, that say they hold 4 GB.
    [2, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])],
    [2, Buffer.from('82534e41505059000000000100000001000000ffffffffff0f', 'hex')],
  ] as const) {
    const bytes = Buffer.concat([head, packed]);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt16BE(codec, 21);
    const walk = new BatchWalk('t-0', LIMITS.batchBytes);
    walk.begin({ bytes: sealed(bytes), start: 0, end: bytes.length, aborted: [] }, 0);
    const out = recordBatch(new Uint8Array(0), 1);
    assert.throws(() => walk.next(out, 0), { code: 'source_damaged' });
  }
});

test(`${runs / 20} mutated CSV and NDJSON files, plain and packed`, async (t) => {
  const directory = temporary(t);
  const lines = CORPUS.slice(0, 30).map((line) => line.toString('latin1'));
  const csv = parseCsvMapping('time=timestamp,product=item_id,clicked=click');
  const outcomes = { read: 0, refused: 0 };
  await eachSeed(runs / 20, async (random, where) => {
    const isCsv = random.chance(0.5);
    const plain = mutated(Buffer.from(isCsv ? CSV : lines.join('\n'), 'latin1'), random);
    const isPacked = random.chance(0.4);
    const packed = isPacked ? gzipSync(plain) : plain;
    const bytes = isPacked && random.chance(0.6) ? mutated(packed, random) : packed;
    const file = join(directory, isPacked ? 'x.gz' : 'x');
    writeFileSync(file, bytes);
    try {
      const sort = random.chance(0.3);
      const records = await readAll({ files: [file], sort, ...(isCsv ? { csv } : {}) });
      outcomes.read++;
      // No line of NDJSON is gone, whatever is in it.
      if (!isCsv && bytes === packed) {
        const wanted = plain.toString('latin1').split('\n');
        const full = wanted.filter((line) => line.replace(/\r$/, '') !== '');
        assert.equal(records.length, full.length, where);
      }
    } catch (error) {
      if ((error as Error).name === 'AssertionError') throw error;
      mustBeKnown(error, where);
      outcomes.refused++;
    }
  });
  t.diagnostic(JSON.stringify(outcomes));
});

test(`${runs} mutated times of CSV are numbers or nothing`, async () => {
  await eachSeed(runs, (random, where) => {
    const ms = parseTime(
      mutated(Buffer.from('2019-11-24 00:01:03.979311+00:00'), random).toString(),
    );
    assert.ok(ms === null || Number.isSafeInteger(ms), where);
  });
});

test(`${runs} mutated checkpoint parts and statuses are taken or refused`, async (t) => {
  const origin = await used(t);
  copy(origin, join(temporary(t), 'x'));
  const db = openDatabase(join(origin, 'clickrate.db'));
  t.after(() => db.close());
  const { parts, status } = await new SqliteStore(db).read('0');
  assert.ok(status !== null && parts.length > 3);
  const text = Buffer.from(JSON.stringify(status));
  const outcomes = { taken: 0, refused: 0 };
  await eachSeed(runs, (random, where) => {
    const part = random.pick(parts);
    const bytes = new Uint8Array(mutated(part.bytes, random));
    const names = status.partitions.map(({ name, topicId }) => ({ name, topicId }));
    const take = () => {
      if (random.chance(0.2)) {
        openStatus('x', '0', mutated(text, random).toString());
      } else if (part.name.startsWith('products/')) {
        new Products({ maxProducts: 1_000 }).restore(0, bytes);
      } else {
        const task = new Task(SETTINGS, LIMITS, names, '0'.repeat(32));
        task.restore(status, [{ name: part.name, bytes }]);
      }
      return true;
    };
    outcomes[known(take, where) === true ? 'taken' : 'refused']++;
  });
  t.diagnostic(JSON.stringify(outcomes));
});

test(`${runs / 4} mutated parts of the sink's checkpoint are taken or refused`, async () => {
  const places = [{ name: 'r-0', kind: 'results' as const }];
  const state = JSON.stringify({ verdicts: { counted: 5 }, origins: {}, progress: { 'h-0': 1 } });
  // Form, counted, one entry: its name, a floor, a cell.
  const block = [1, 5, 1, 1, 97, 1, ...Array(8).fill(0), 1, ...Array(8).fill(0), 0, 0, 3, 1];
  const parts = [
    { name: 'state', bytes: Buffer.from(state) },
    { name: 'block/0', bytes: Buffer.from(block) },
  ];
  await eachSeed(runs / 4, (random, where) => {
    const { name, bytes } = random.pick(parts);
    const part = { name, bytes: new Uint8Array(mutated(bytes, random)) };
    known(() => new SinkState(places, SETTINGS, 500).restore(statusOf(1), [part], 0), where);
  });
});

test(`${runs / 2} mutated settings are taken or refused by name`, async (t) => {
  const directory = temporary(t);
  const file = join(directory, 'config.json');
  const values = { ...OPTIONS, ...SETTINGS } as Record<string, unknown>;
  const names = Object.keys(values);
  await eachSeed(runs / 2, (random, where) => {
    const name = random.pick(names);
    const value = mutated(Buffer.from(String(values[name])), random).toString();
    const which = random.int(0, 2);
    const variable = `CLICKRATE_${name.replace(/[A-Z]/g, (a) => `_${a}`).toUpperCase()}`;
    if (which === 2) {
      const json = mutated(Buffer.from(JSON.stringify({ [name]: values[name] })), random);
      writeFileSync(file, json);
    }
    const found = known(
      () =>
        configure(
          which === 0 ? { [name]: value } : {},
          which === 1 ? { [variable]: value } : {},
          which === 2 ? file : undefined,
        ),
      where,
    );
    if (found === null) return;
    for (const key of names)
      assert.equal(
        typeof { ...found.options, ...found.settings }[key as 'port'],
        typeof values[key],
      );
  });
});
