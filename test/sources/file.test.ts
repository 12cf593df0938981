import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { LIMITS } from '../../src/config.ts';
import { FileSource, type FileSourceParts } from '../../src/sources/file.ts';
import { temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';

type Record = { offset: number; text: string };

async function readAll(
  parts: Partial<FileSourceParts> & { files: string[] },
  from: number | null = null,
) {
  const source = new FileSource({ clock: new SimClock(7), limits: LIMITS, ...parts });
  const [{ topicId }] = await source.open([{ offset: null, topicId: null }]);
  if (from !== null) await source.open([{ offset: from, topicId }]);
  const records: Record[] = [];
  while (!source.ended) {
    const [fetch] = await source.read([true]);
    const { bytes, starts, ends, offsets, count } = fetch.records;
    for (let i = 0; i < count; i++)
      records.push({
        offset: offsets[i],
        text: Buffer.from(bytes.slice(starts[i], ends[i])).toString(),
      });
    assert.ok(count === 0 || fetch.next > offsets[count - 1]);
  }
  await source.close();
  return records;
}

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
    const limits = { ...LIMITS, batchRecords: random.int(1, 20) };
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
  writeFileSync(file, `first\n${'y'.repeat(20_000_000)}\nlast`);
  const records = await readAll({ files: [file] });
  assert.deepEqual(
    records.map(({ text }) => text[0]),
    ['f', 'y', 'l'],
  );
  assert.ok(records[1].text.length >= 16_777_216);
});

test('a file that cannot be read is named, and another list of files is refused', async (t) => {
  const directory = temporary(t);
  const make = (...files: string[]) =>
    new FileSource({ files, clock: new SimClock(0), limits: LIMITS });
  assert.throws(() => make(join(directory, 'none')), { code: 'file_unreadable', message: /none/ });
  assert.throws(() => make(directory), { code: 'file_unreadable', message: /directory/ });
  writeFileSync(join(directory, 'a'), 'x\n');
  writeFileSync(join(directory, 'broken.gz'), gzipSync('x'.repeat(100_000)).subarray(0, 60));
  const other = make(join(directory, 'a')).open([{ offset: 0, topicId: 'b:1' }]);
  await assert.rejects(other, { code: 'source_foreign' });
  await assert.rejects(readAll({ files: [join(directory, 'broken.gz')] }), {
    code: 'file_unreadable',
    message: /broken\.gz/,
  });
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
