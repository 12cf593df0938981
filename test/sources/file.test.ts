import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { LIMITS } from '../../src/config.ts';
import type { Cut } from '../../src/sources/cut.ts';
import { FileSource } from '../../src/sources/file.ts';
import { sortByTime } from '../../src/sources/sort.ts';
import { readRecords } from '../../src/verify/records.ts';
import { eventually, temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { SimClock } from '../support/sim-clock.ts';
import { batchesOf, readAll } from './file-reader.ts';

test('lines come whole, in order, with rising offsets, for any content and batch size', async (t) => {
  const directory = temporary(t);
  const { seed, runs } = runsFromEnv({ seed: 1, runs: 60 });
  for (let run = seed; run < seed + runs; run++) {
    const random = new Random(run);
    const texts = Array.from(
      { length: random.int(1, 3) },
      () =>
        Array.from({ length: random.int(0, 60) }, () =>
          random.chance(0.2) ? '' : 'x'.repeat(random.int(1, random.chance(0.02) ? 3_000_000 : 90)),
        ).join(random.chance(0.3) ? '\r\n' : '\n') + (random.chance(0.5) ? '\n' : ''),
    );
    const files = texts.map((text, n) => {
      const file = join(directory, `${run}-${n}`);
      writeFileSync(file, random.chance(0.3) ? gzipSync(text) : text);
      return file;
    });
    const batchBytes = random.chance(0.5) ? LIMITS.batchBytes : random.int(3_000, 300_000);
    const limits = batchesOf(random.int(1, 20), batchBytes);
    const records = await readAll({ files, limits });
    const expected = texts.flatMap((text) => text.split(/\r?\n/).filter((line) => line !== ''));
    assert.deepEqual(
      records.map(({ text }) => text.length),
      expected.map(({ length }) => length),
      `seed ${run}`,
    );
    const offsets = records.map(({ offset }) => offset);
    assert.deepEqual(
      offsets,
      [...new Set(offsets)].sort((a, b) => a - b),
    );
    if (records.length === 0) continue;
    const resumeAt = random.int(0, records.length - 1);
    const rest = await readAll({ files, limits }, records[resumeAt].offset);
    assert.deepEqual(rest, records.slice(resumeAt), `seed ${run}, resumed at ${resumeAt}`);
  }
});

test('a line that never ends is one record, cut, and the next line is read', async (t) => {
  const file = join(temporary(t), 'long');
  // Its newline lies anywhere in what is read at a time, or at the beginning of that.
  for (const end of [20_000_000, 66 * 262_144]) {
    writeFileSync(file, `first\n${'y'.repeat(end - 6)}\nnext\nlast`);
    const records = await readAll({ files: [file] });
    assert.deepEqual(
      records.map(({ offset, text }) => [offset, text.slice(0, 5)]),
      [
        [0, 'first'],
        [6, 'yyyyy'],
        [end + 1, 'next'],
        [end + 6, 'last'],
      ],
    );
    assert.ok(records[1].text.length >= 16_777_216);
  }
});

test('a file that cannot be read is named, and another list of files is refused', async (t) => {
  const directory = temporary(t);
  const make = (...files: string[]) =>
    new FileSource({ files, clock: new SimClock(0), limits: LIMITS });
  assert.throws(() => make(join(directory, 'none')), { code: 'file_unreadable', message: /none/ });
  assert.throws(() => make(directory), { code: 'file_unreadable', message: /directory/ });
  // A pipe or a device cannot be read again from an offset.
  assert.throws(() => make('/dev/null'), { code: 'file_unreadable', message: /regular file/ });
  writeFileSync(join(directory, 'a'), 'x\n');
  writeFileSync(join(directory, 'broken.gz'), gzipSync('x'.repeat(100_000)).subarray(0, 60));
  const other = make(join(directory, 'a')).open([{ offset: 0, topicId: 'b:1' }]);
  await assert.rejects(other, { code: 'source_foreign' });
  await assert.rejects(readAll({ files: [join(directory, 'broken.gz')] }), {
    code: 'file_unreadable',
    message: /broken\.gz/,
  });
});

test('zeros end a gzip file, and nothing is passed over behind them', async (t) => {
  const directory = temporary(t);
  const member = (text: string) => gzipSync(`${text}\n`);
  const written = (name: string, ...parts: Buffer[]) => {
    const file = join(directory, name);
    writeFileSync(file, Buffer.concat(parts));
    return file;
  };
  const whole = written('whole.gz', member('a'), member('b'), Buffer.alloc(200_000));
  // Members that end with a chunk, and within one.
  for (const batchBytes of [LIMITS.batchBytes, 64, member('a').length]) {
    const limits = batchesOf(7, batchBytes);
    const texts = (await readAll({ files: [whole], limits })).map(({ text }) => text);
    assert.deepEqual(texts, ['a', 'b']);
    for (const zeros of [1, 512, 200_000]) {
      const file = written('cut.gz', member('a'), Buffer.alloc(zeros), member('b'));
      const message = /cut\.gz: .*zeros from byte \d+ on/;
      await assert.rejects(readAll({ files: [file], limits }), {
        code: 'file_unreadable',
        message,
      });
    }
  }
});

test('a file of the same name and size is another when one of its ends is', async (t) => {
  const file = join(temporary(t), 'a');
  const text = Buffer.from('line\n'.repeat(100_000));
  const source = () => new FileSource({ files: [file], clock: new SimClock(0), limits: LIMITS });
  const open = (topicId: string | null) => source().open([{ offset: 5, topicId }]);
  writeFileSync(file, text);
  const [{ topicId }] = await open(null);
  assert.equal((await open(topicId))[0].topicId, topicId);
  for (const at of [0, 65_535, text.length - 65_536, text.length - 1]) {
    const changed = Buffer.from(text);
    changed[at] ^= 1;
    writeFileSync(file, changed);
    await assert.rejects(open(topicId), { code: 'source_foreign' });
  }
  // A checkpoint without a checksum goes on as it is.
  const former = `${file}:${text.length}`;
  assert.equal((await open(former))[0].topicId, former);
  for (const size of [0, 1, 2, 65_536, 65_537, 131_072, 131_073]) {
    writeFileSync(file, 'x'.repeat(size));
    const [opened] = await open(null);
    assert.equal((await open(opened.topicId))[0].topicId, opened.topicId);
  }
});

test('sorted: by time, stably, broken records behind the one before', async (t) => {
  const directory = temporary(t);
  const line = (time: number, tag: string) => JSON.stringify({ timestamp: time, tag });
  writeFileSync(join(directory, 'a'), [line(5, 'a'), 'broken', line(1, 'b')].join('\n'));
  writeFileSync(join(directory, 'b'), [line(5, 'c'), line(3, 'd')].join('\n'));
  const records = await readAll({
    files: [join(directory, 'a'), join(directory, 'b')],
    sort: true,
  });
  const tags = records.map(({ text }) => /"tag":"(.)"/.exec(text)?.[1] ?? text);
  assert.deepEqual(tags, ['b', 'd', 'a', 'broken', 'c']);
});

test('sorted: read on from any place, and more than fits in memory is refused', async (t) => {
  const directory = temporary(t);
  const random = new Random(3);
  const files = ['a', 'b.gz'].map((name) => {
    const lines = Array.from({ length: 50 }, (_, n) =>
      random.chance(0.1) ? `broken ${n}` : JSON.stringify({ timestamp: random.int(0, 20), n }),
    );
    const text = `${lines.join('\n')}\n`;
    const file = join(directory, name);
    writeFileSync(file, name.endsWith('.gz') ? gzipSync(text) : text);
    return file;
  });
  const parts = { files, sort: true, limits: batchesOf(7, 150) };
  const all = await readAll(parts);
  assert.equal(all.length, 100);
  for (let from = 0; from < 100; from++)
    assert.deepEqual(await readAll(parts, from), all.slice(from));
  async function* cuts(): AsyncGenerator<Cut, void> {
    for (const length of [60, 41]) yield { batch: recordsOf(['x'.repeat(length)], 0), next: 1 };
  }
  const sorted = sortByTime(cuts(), LIMITS, 100);
  await assert.rejects(sorted.next(), { code: 'file_unreadable', message: /more than 100 bytes/ });
  assert.equal((await sortByTime(cuts(), LIMITS, 101).next()).value?.batch.count, 2);
});

test('sorted: thousands, wherever in their batches they lie, in full batches again', async () => {
  const random = new Random(4);
  const events = Array.from({ length: 3_000 }, (_, n) => {
    // Some are longer than a batch.
    const rest = 'x'.repeat(n % 500 === 0 ? 200 : random.int(0, 9));
    return { timestamp: random.int(0, 500), n, rest };
  });
  async function* cuts(): AsyncGenerator<Cut, void> {
    for (let from = 0; from < events.length; from += 700) {
      const some = events.slice(from, from + 700).map((event) => JSON.stringify(event));
      const batch = recordsOf(['passed over', ...some], 0);
      const [starts, ends] = [batch.starts.subarray(1), batch.ends.subarray(1)];
      yield { batch: { ...batch, starts, ends, count: some.length }, next: 0 };
    }
  }
  const texts = events
    .toSorted((a, b) => a.timestamp - b.timestamp || a.n - b.n)
    .map((event) => JSON.stringify(event));
  let at = 0;
  for await (const { batch, next } of sortByTime(cuts(), batchesOf(7, 150))) {
    const expected = texts.slice(at, next);
    assert.equal(Buffer.from(batch.bytes).toString(), expected.join(''));
    assert.deepEqual([batch.count, batch.offsets[0]], [expected.length, at]);
    const hasRoom = (size: number) => size <= 150;
    assert.ok(batch.count === 1 || (batch.count <= 7 && hasRoom(batch.bytes.length)));
    const withNext = batch.bytes.length + (texts[next]?.length ?? Infinity);
    assert.ok(batch.count === 7 || !hasRoom(withNext), `${batch.count} from ${at} on`);
    at = next;
  }
  assert.equal(at, events.length);
});

test('a byte order mark at the beginning of a file is no part of a record', async (t) => {
  const directory = temporary(t);
  const mark = '\ufeff';
  const texts = [`${mark}a\n${mark}b\n`, `${mark}c`, mark, '', `${mark}\nd`];
  for (const pack of [Buffer.from, gzipSync] as ((text: string) => Uint8Array)[]) {
    const files = texts.map((text, n) => {
      const file = join(directory, String(n));
      writeFileSync(file, pack(text));
      return file;
    });
    // Also where it comes in several chunks.
    for (const batchBytes of [2, LIMITS.batchBytes]) {
      const limits = batchesOf(1, batchBytes);
      const records = await readAll({ files, limits });
      const found = records.map(({ offset, text }) => [offset, text]);
      assert.deepEqual(found, [
        [3, 'a'],
        [5, `${mark}b`],
        [13, 'c'],
        [21, 'd'],
      ]);
      for (const [n, { offset }] of records.entries())
        assert.deepEqual(await readAll({ files, limits }, offset), records.slice(n));
    }
    const read = await readRecords({ files, sort: false }, 0);
    assert.deepEqual(
      read.map(({ offset }) => offset),
      [3, 5, 13, 21],
    );
  }
});

test('a plain file is read on from the offset, not from its beginning', async (t) => {
  const file = join(temporary(t), 'a');
  const lines = Array.from({ length: 1_000 }, (_, n) => `line ${n}`);
  writeFileSync(file, lines.join('\n'));
  const all = await readAll({ files: [file] });
  const { offset } = all[700];
  // Were it read from the beginning, the lines would be others now.
  writeFileSync(file, `${'\n'.repeat(offset - 1)}x${lines.slice(700).join('\n')}`);
  assert.deepEqual(await readAll({ files: [file] }, offset), all.slice(700));
});

test('how far the files are read counts those that were passed over', async (t) => {
  const directory = temporary(t);
  const files = ['a', 'b'].map((name) => join(directory, name));
  for (const file of files) writeFileSync(file, 'one\ntwo\n');
  const source = new FileSource({ files, clock: new SimClock(7), limits: LIMITS });
  const [{ topicId }] = await source.open([{ offset: null, topicId: null }]);
  for (const offset of [0, 4, 8, 12]) {
    await source.open([{ offset, topicId }]);
    while (!source.ended) await source.read([true]);
    assert.deepEqual(source.progress(), { bytesRead: 16, bytesTotal: 16 });
  }
  await source.close();
});

/** A source after its first read, and what reads the rest, as texts. */
async function begun(files: string[]) {
  const source = new FileSource({ files, clock: new SimClock(7), limits: batchesOf(10) });
  await source.open([{ offset: null, topicId: null }]);
  const texts: string[] = [];
  const next = async () => {
    const [{ records }] = await source.read([true]);
    const { bytes, starts, ends, count } = records;
    for (let i = 0; i < count; i++)
      texts.push(Buffer.from(bytes.slice(starts[i], ends[i])).toString());
  };
  await next();
  const rest = async () => {
    try {
      while (!source.ended) await next();
    } finally {
      await source.close();
    }
    return texts;
  };
  return { rest };
}

/** Lines of one length, so many that they are not read at once. */
const manyLines = (word: string, count = 50_000) =>
  Array.from({ length: count }, (_, n) => `${word} ${String(n).padStart(6, '0')}`);
const textOf = (lines: string[]) => lines.map((line) => `${line}\n`).join('');

for (const [kind, pack] of [
  ['plain', Buffer.from],
  ['packed', gzipSync],
] as const)
  test(`a ${kind} file is another when its turn comes: told, not read`, async (t) => {
    const directory = temporary(t);
    const files = ['a', 'b'].map((name) => join(directory, name));
    for (const file of files) writeFileSync(file, pack(textOf(manyLines('old'))));
    const { rest } = await begun(files);
    writeFileSync(join(directory, 'new'), pack(textOf(manyLines('new', 60_000))));
    renameSync(join(directory, 'new'), files[1]);
    const message = new RegExp(`cannot read ${files[1]}: it was changed`);
    await assert.rejects(rest(), { code: 'file_unreadable', message });
  });

test('a file that is written over while it is read is an error, not another content', async (t) => {
  const file = join(temporary(t), 'x');
  writeFileSync(file, textOf(manyLines('old')));
  const { rest } = await begun([file]);
  writeFileSync(file, textOf(manyLines('new')), { flag: 'r+' });
  await assert.rejects(rest(), { code: 'file_unreadable', message: /x: it was changed/ });
});

test('a file that is appended to, or rotated away while it is read, is read as it was', async (t) => {
  const directory = temporary(t);
  const file = join(directory, 'x');
  writeFileSync(file, textOf(manyLines('old')));
  const { rest } = await begun([file]);
  appendFileSync(file, 'more\n');
  renameSync(file, join(directory, 'x.1'));
  writeFileSync(file, textOf(manyLines('new')));
  assert.deepEqual(await rest(), manyLines('old'));
});

test('a file that becomes shorter is an error, not an end', async (t) => {
  const file = join(temporary(t), 'a');
  writeFileSync(file, 'line\n'.repeat(1_000));
  const limits = batchesOf(10, 50);
  const source = new FileSource({ files: [file], clock: new SimClock(0), limits });
  await source.open([{ offset: null, topicId: null }]);
  await source.read([true]);
  truncateSync(file, 500);
  const rest = async () => {
    while (!source.ended) await source.read([true]);
  };
  await assert.rejects(rest(), { code: 'file_unreadable', message: /became shorter/ });
  await source.close();
});

const FILES = '/proc/self/fd';
const skip = existsSync(FILES) ? false : `${FILES} tells the open files, and is not there`;

/** How often this process has `file` open. */
function timesOpen(file: string): number {
  const names = readdirSync(FILES).map((name) => {
    try {
      return readlinkSync(join(FILES, name));
    } catch {
      // The list itself was open while it was read.
      return '';
    }
  });
  return names.filter((name) => name === file).length;
}

test('a source closed or opened anew in the middle leaves no file open', { skip }, async (t) => {
  const directory = temporary(t);
  // Packed, it is still longer than what is read ahead.
  const random = new Random(1);
  const text = Array.from({ length: 2_000 }, () => `${random.hex(60)}\n`).join('');
  writeFileSync(join(directory, 'plain'), text);
  writeFileSync(join(directory, 'packed.gz'), gzipSync(text));
  for (const name of ['plain', 'packed.gz'])
    for (const sort of [false, true]) {
      const file = join(directory, name);
      const limits = batchesOf(100, 1_000);
      const source = new FileSource({ files: [file], sort, clock: new SimClock(0), limits });
      for (let round = 0; round < 5; round++) {
        await source.open([{ offset: null, topicId: null }]);
        await source.read([true]);
        if (!sort) assert.ok(timesOpen(file) > 0, `${name} is read`);
      }
      await source.close();
      await eventually(async () => timesOpen(file) === 0, 30_000, 5);
    }
});
