/**
 * The journal: durable before it answers, never an offset twice, bounded, read as it was written.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/clock.ts';
import { LIMITS, type Limits } from '../../src/config.ts';
import { Journal } from '../../src/sources/journal.ts';
import type { Fetch } from '../../src/sources/source.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { outputOf, startNode, temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { SimClock } from '../support/sim-clock.ts';

const START = 1_760_000_000_000;
const AT_BEGIN = [{ offset: null, topicId: null }];

type Opened = { journal: Journal; db: DatabaseSync; topicId: string };

/** Opens the journal in `file` and begins to read at `offset`. */
async function open(
  t: TestContext,
  file = ':memory:',
  parts: { clock?: Clock; limits?: Partial<Limits>; offset?: number; topicId?: string } = {},
): Promise<Opened> {
  const db = openDatabase(file);
  t.after(() => db.isOpen && db.close());
  const journal = new Journal(db, {
    // A simulated clock moves on when somebody waits: groups must not.
    limits: { ...LIMITS, ...(parts.clock && { journalGroupMs: 0 }), ...parts.limits },
    clock: parts.clock ?? systemClock,
  });
  const { offset, topicId } = parts;
  const positions = offset === undefined ? AT_BEGIN : [{ offset, topicId: topicId ?? topicOf(db) }];
  const [opened] = await journal.open(positions);
  return { journal, db, topicId: opened!.topicId };
}

function topicOf(db: DatabaseSync): string {
  return String(db.prepare('SELECT topic FROM journal_head').get()?.topic);
}

async function close({ journal, db }: Opened): Promise<void> {
  await journal.close();
  db.close();
}

const append = (journal: Journal, ...texts: string[]) => journal.append(recordsOf(texts, 0));

/** The records of a fetch as text, with their offsets. */
function textsOf({ records }: Fetch): [number, string][] {
  const { bytes, starts, ends, offsets, count } = records;
  return Array.from({ length: count }, (_, i) => [
    offsets[i]!,
    Buffer.from(bytes.subarray(starts[i], ends[i])).toString(),
  ]);
}

/** Everything up to the end. */
async function readAll(journal: Journal): Promise<[number, string][]> {
  const texts: [number, string][] = [];
  for (;;) {
    const [fetch] = await journal.probe([true]);
    texts.push(...textsOf(fetch!));
    if (fetch!.end) return texts;
  }
}

const countOf = (db: DatabaseSync) =>
  Number(db.prepare('SELECT count(*) AS n FROM journal').get()?.n);

test('what was appended is read with its offset and its receive time', async (t) => {
  const clock = new SimClock(START);
  const { journal } = await open(t, ':memory:', { clock });
  assert.deepEqual(await append(journal, 'one', '', 'drei ü'), { offset: 0, arrivalMs: START });
  clock.advance(5);
  assert.deepEqual(await append(journal, 'four'), { offset: 3, arrivalMs: clock.wallMs() });
  const [fetch] = await journal.read([true], 0);
  assert.deepEqual(textsOf(fetch!), [
    [0, 'one'],
    [1, ''],
    [2, 'drei ü'],
    [3, 'four'],
  ]);
  const { next, end, partition, records } = fetch!;
  assert.deepEqual({ next, end, partition }, { next: 4, end: true, partition: 0 });
  assert.deepEqual([...records.arrivals.subarray(0, 3)], [START, START, START]);
  assert.equal(records.arrivals[3], clock.wallMs());
  assert.equal(journal.backlogEvents, 4);
});

test('an append of nothing answers where the next record will lie', async (t) => {
  const { journal, db } = await open(t);
  await append(journal, 'a');
  assert.equal((await append(journal)).offset, 1);
  assert.equal(countOf(db), 1);
});

test('the bytes may be used again as soon as append has returned', async (t) => {
  const { journal } = await open(t);
  const records = recordsOf(['before'], 0);
  const appended = journal.append(records);
  records.bytes.fill(120);
  await appended;
  assert.deepEqual(await readAll(journal), [[0, 'before']]);
});

test('appends that come together are written together', async (t) => {
  const { journal, db } = await open(t);
  const appended = await Promise.all(
    Array.from({ length: 100 }, (_, n) => append(journal, `${n}`, `${n}'`)),
  );
  assert.deepEqual(
    appended.map(({ offset }) => offset),
    Array.from({ length: 100 }, (_, n) => 2 * n),
  );
  assert.equal(countOf(db), 1);
  assert.equal((await readAll(journal)).length, 200);
});

test('a group of many bytes is written without waiting for more', async (t) => {
  const { journal } = await open(t, ':memory:', { limits: { journalGroupMs: 3_600_000 } });
  const small = append(journal, 'small');
  await append(journal, 'x'.repeat(LIMITS.batchBytes));
  assert.equal((await small).offset, 0);
  const flushed = append(journal, 'waits');
  await journal.flush();
  assert.equal((await flushed).offset, 2);
  const closed = append(journal, 'waits too');
  await journal.close();
  assert.equal((await closed).offset, 3);
  await assert.rejects(append(journal, 'too late'), { code: 'stopping' });
  await assert.rejects(journal.read([true], 0), { code: 'source_unavailable' });
});

test('what was acknowledged is there after opening again', async (t) => {
  const file = join(temporary(t), 'j.db');
  const first = await open(t, file);
  await append(first.journal, 'one', 'two', 'three');
  await close(first);
  const second = await open(t, file, { offset: 1 });
  assert.equal(second.topicId, first.topicId);
  assert.deepEqual(await readAll(second.journal), [
    [1, 'two'],
    [2, 'three'],
  ]);
  assert.equal(second.journal.backlogEvents, 2);
  assert.equal((await append(second.journal, 'four')).offset, 3);
});

test('what was acknowledged is there after SIGKILL, right then', async (t) => {
  const file = join(temporary(t), 'j.db');
  const acknowledged: [number, string][] = [];
  for (let round = 1; round <= 3; round++) {
    const child = startNode('test/sources/journal-child.ts', [file]);
    t.after(() => child.kill());
    await outputOf(child, new RegExp(`of ${round * 5}"`));
    assert.equal(await child.kill(), 'SIGKILL');
    const lines = child.output().split('\n').slice(0, -1);
    for (const line of lines) {
      const { offset, records } = JSON.parse(line) as { offset: number; records: string[] };
      records.forEach((text, i) => {
        acknowledged.push([offset + i, text]);
      });
    }
  }
  const { journal } = await open(t, file);
  const stored = new Map(await readAll(journal));
  for (const [offset, text] of acknowledged) assert.equal(stored.get(offset), text);
  assert.equal(new Set(acknowledged.map(([offset]) => offset)).size, acknowledged.length);
});

test('no offset is used twice, also when everything was pruned and opened again', async (t) => {
  const file = join(temporary(t), 'j.db');
  let expected = 0;
  for (let round = 0; round < 3; round++) {
    const opened = await open(t, file, round === 0 ? {} : { offset: expected });
    assert.equal(opened.journal.nextOffset, expected);
    assert.equal((await append(opened.journal, 'a', 'b')).offset, expected);
    expected += 2;
    await opened.journal.acknowledge([expected]);
    assert.equal(countOf(opened.db), 0);
    assert.equal(opened.journal.backlogBytes, 0);
    assert.equal(opened.journal.backlogEvents, 0);
    await close(opened);
  }
});

test('the receive time never goes back, also over a restart', async (t) => {
  const file = join(temporary(t), 'j.db');
  const clock = new SimClock(START);
  const first = await open(t, file, { clock });
  assert.equal((await append(first.journal, 'a')).arrivalMs, START);
  clock.jumpWall(-3_600_000);
  assert.equal((await append(first.journal, 'b')).arrivalMs, START);
  await first.journal.acknowledge([2]);
  await close(first);
  const second = await open(t, file, { clock, offset: 2 });
  assert.equal((await append(second.journal, 'c')).arrivalMs, START);
  clock.jumpWall(3_600_007);
  assert.equal((await append(second.journal, 'd')).arrivalMs, START + 7);
});

test('a full journal refuses before it writes, and recovers once the engine counted', async (t) => {
  const { journal, db } = await open(t, ':memory:', { limits: { journalBytes: 1_000 } });
  const texts = ['x'.repeat(400)];
  await append(journal, ...texts);
  await append(journal, ...texts);
  const full = { code: 'journal_full', retry: true, message: /2 events/ };
  await assert.rejects(append(journal, ...texts), full);
  assert.equal(countOf(db), 2);
  await journal.acknowledge([1]);
  assert.equal((await append(journal, ...texts)).offset, 2);
  // Acknowledged within the second: room is made only when it is needed.
  await journal.acknowledge([3]);
  assert.equal((await append(journal, ...texts)).offset, 3);
  assert.equal(countOf(db), 1);
});

test('appends under way count towards the limit', async (t) => {
  const { journal } = await open(t, ':memory:', { limits: { journalBytes: 1_000 } });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => append(journal, 'x'.repeat(400))),
  );
  const stored = outcomes.filter(({ status }) => status === 'fulfilled').length;
  assert.equal(stored, 2);
  assert.equal((await readAll(journal)).length, 2);
});

test('empty records fill the journal too', async (t) => {
  const { journal } = await open(t, ':memory:', { limits: { journalBytes: 1_000 } });
  await append(journal, ...new Array(200).fill(''));
  await assert.rejects(append(journal, ...new Array(200).fill('')), { code: 'journal_full' });
});

test('one append larger than the limit passes when nothing else waits', async (t) => {
  const { journal } = await open(t, ':memory:', { limits: { journalBytes: 1_000 } });
  assert.equal((await append(journal, 'x'.repeat(5_000))).offset, 0);
  await assert.rejects(append(journal, 'y'), { code: 'journal_full' });
});

test('a group that finds no room on disk is refused whole, and nothing is torn', async (t) => {
  const { journal, db } = await open(t, join(temporary(t), 'j.db'));
  await append(journal, 'before');
  const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count);
  db.exec(`PRAGMA max_page_count = ${pages + 20}`);
  const outcomes = await Promise.allSettled([
    append(journal, 'small'),
    append(journal, 'x'.repeat(200_000), 'y'),
  ]);
  for (const outcome of outcomes) {
    assert.equal(outcome.status, 'rejected');
    assert.equal(outcome.reason.code, 'store_full');
  }
  assert.equal(journal.nextOffset, 1);
  assert.equal(countOf(db), 1);
  assert.deepEqual(await readAll(journal), [[0, 'before']]);
  db.exec('PRAGMA max_page_count = 1000000');
  assert.equal((await append(journal, 'x'.repeat(200_000), 'y')).offset, 1);
  assert.equal((await readAll(journal)).length, 2);
});

test('a large append is split into rows of a batch, all or nothing', async (t) => {
  const limits = { batchBytes: 1_000, batchRecords: 16 };
  const { journal, db } = await open(t, ':memory:', { limits });
  const texts = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(90, '.'));
  const { offset } = await append(journal, ...texts, 'L'.repeat(5_000), ...new Array(40).fill('s'));
  assert.equal(offset, 0);
  assert.ok(countOf(db) >= 14);
  let records = 0;
  for (;;) {
    const [fetch] = await journal.probe([true]);
    const { count, ends, starts } = fetch!.records;
    const bytes = count === 0 ? 0 : ends[count - 1]! - starts[0]!;
    assert.ok(count <= 16, `${count} records`);
    assert.ok(bytes <= 1_000 || count === 1, `${bytes} bytes in ${count} records`);
    records += count;
    if (fetch!.end) break;
  }
  assert.equal(records, 141);
});

test('small rows are read together up to a batch', async (t) => {
  const { journal } = await open(t, ':memory:', { limits: { batchRecords: 16 } });
  for (let n = 0; n < 40; n++) await append(journal, `${n}`);
  const counts: number[] = [];
  for (let end = false; !end; ) {
    const [fetch] = await journal.probe([true]);
    counts.push(fetch!.records.count);
    end = fetch!.end;
  }
  assert.deepEqual(counts, [16, 16, 8]);
});

test('disk and memory give the same records', async (t) => {
  const file = join(temporary(t), 'j.db');
  const first = await open(t, file);
  const random = new Random(5);
  const written: [number, string][] = [];
  for (let n = 0; n < 60; n++) {
    const texts = Array.from({ length: random.int(1, 9) }, () => random.hex(random.int(0, 40)));
    const { offset } = await append(first.journal, ...texts);
    texts.forEach((text, i) => {
      written.push([offset + i, text]);
    });
  }
  assert.deepEqual(await readAll(first.journal), written);
  await close(first);
  const second = await open(t, file);
  assert.deepEqual(await readAll(second.journal), written);
});

test('what no longer fits memory is read from disk, without a gap', async (t) => {
  const { journal } = await open(t, join(temporary(t), 'j.db'));
  const body = 'x'.repeat(60_000);
  // 9 MB: more than is held in memory.
  for (let n = 0; n < 15; n++)
    await append(journal, ...Array.from({ length: 10 }, (_, i) => `${n * 10 + i} ${body}`));
  const texts = await readAll(journal);
  assert.deepEqual(
    texts.map(([offset, text]) => [offset, Number.parseInt(text, 10), text.length > 60_000]),
    Array.from({ length: 150 }, (_, n) => [n, n, true]),
  );
});

test('a read waits for an append, and an append wakes it', async (t) => {
  const { journal } = await open(t);
  const beganMs = performance.now();
  const reading = journal.read([true], 60_000);
  await append(journal, 'at last');
  const [fetch] = await reading;
  assert.deepEqual(textsOf(fetch!), [[0, 'at last']]);
  assert.ok(performance.now() - beganMs < 10_000);
  assert.ok(fetch!.arrivedAtMs >= fetch!.sentAtMs);
});

test('a read without records waits as long as it may, and proves the end', async (t) => {
  const clock = new SimClock(START);
  const { journal } = await open(t, ':memory:', { clock });
  const before = clock.monotonicMs();
  const [fetch] = await journal.read([true], 50);
  assert.equal(clock.monotonicMs() - before, 50);
  assert.deepEqual(
    { count: fetch!.records.count, next: fetch!.next, end: fetch!.end, sentAtMs: fetch!.sentAtMs },
    { count: 0, next: 0, end: true, sentAtMs: 50 },
  );
  await journal.probe([true]);
  assert.equal(clock.monotonicMs() - before, 50);
  assert.deepEqual(await journal.read([false], 50), []);
});

test('closing ends a wait', async (t) => {
  const { journal } = await open(t);
  const reading = journal.read([true], 60_000);
  await journal.close();
  await assert.rejects(reading, { code: 'source_unavailable' });
});

test('acknowledged rows go whole, at most once a second', async (t) => {
  const clock = new SimClock(START);
  const { journal, db } = await open(t, ':memory:', { clock });
  for (let n = 0; n < 4; n++) await append(journal, 'a', 'b');
  clock.advance(1_000);
  await journal.acknowledge([3]);
  assert.equal(countOf(db), 3);
  await journal.acknowledge([6]);
  assert.equal(countOf(db), 3);
  assert.equal(journal.backlogEvents, 2);
  clock.advance(1_000);
  await journal.acknowledge([6]);
  assert.equal(countOf(db), 1);
  // What is not acknowledged can be read again.
  const [opened] = await journal.open([{ offset: 7, topicId: topicOf(db) }]);
  assert.deepEqual(
    { offset: opened!.offset, floorMs: opened!.floorMs },
    { offset: 7, floorMs: null },
  );
  assert.deepEqual(await readAll(journal), [[7, 'b']]);
});

test('a checkpoint that does not fit the journal is refused', async (t) => {
  const { journal, db, topicId } = await open(t);
  await append(journal, 'a');
  await append(journal, 'b');
  await journal.acknowledge([1]);
  assert.equal(countOf(db), 1);
  const at = (offset: number) => journal.open([{ offset, topicId }]);
  await assert.rejects(at(0), { code: 'source_gap', message: /offset 0.*holds 1 to 2/ });
  await assert.rejects(at(3), { code: 'source_gap', message: /offset 3.*holds 1 to 2/ });
  assert.equal((await at(1))[0]?.offset, 1);
  assert.equal((await at(2))[0]?.offset, 2);
});

test('a checkpoint of another journal begins at what is there, behind a floor', async (t) => {
  const clock = new SimClock(START);
  const { journal, topicId } = await open(t, ':memory:', { clock });
  const foreign = [{ offset: 17, topicId: 'another' }];
  assert.deepEqual(await journal.open(foreign), [{ topicId, offset: 0, floorMs: null, missed: 0 }]);
  await append(journal, 'a');
  clock.advance(1_000);
  await append(journal, 'b');
  await journal.acknowledge([1]);
  // The first records are gone: windows of their time would lack them.
  const floorMs = START + 1_000 + 10_000;
  assert.deepEqual(await journal.open(foreign), [{ topicId, offset: 1, floorMs, missed: 0 }]);
  assert.deepEqual(await journal.open(AT_BEGIN), [{ topicId, offset: 1, floorMs, missed: 0 }]);
});

test('nothing runs while nobody reads or appends', async (t) => {
  let sleeps = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      sleeps++;
      return systemClock.sleep(ms, signal);
    },
  };
  const { journal } = await open(t, ':memory:', { clock });
  await append(journal, 'a');
  const after = sleeps;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sleeps, after);
  assert.equal(after, 1);
});

test('random appends, reads, acknowledgements, restarts, full disks keep all records', async (t) => {
  const { seed, runs } = runsFromEnv({ seed: 1, runs: 40 });
  const directory = temporary(t);
  for (let run = 0; run < runs; run++) {
    try {
      await randomRun(t, new Random(seed + run), join(directory, `${run}.db`));
    } catch (error) {
      throw new Error(`run of CLICKRATE_SEED=${seed + run} failed`, { cause: error });
    }
  }
});

async function randomRun(t: TestContext, random: Random, file: string): Promise<void> {
  const clock = new SimClock(START);
  const limits = { batchBytes: 300, batchRecords: 8, journalBytes: 4_000 };
  const written: string[] = [];
  let opened = await open(t, file, { clock, limits });
  let committed = 0;
  let position = 0;
  for (let step = 0; step < 60; step++) {
    const draw = random.fraction();
    if (draw < 0.45) {
      const groups = Array.from({ length: random.int(1, 3) }, () =>
        Array.from({ length: random.int(0, 12) }, () => random.hex(random.int(0, 60))),
      );
      const outcomes = await Promise.allSettled(
        groups.map((texts) => append(opened.journal, ...texts)),
      );
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'rejected') assert.ok(outcome.reason.retry);
        else if (groups[i]!.length > 0) assert.equal(outcome.value.offset, written.length);
        if (outcome.status === 'fulfilled') written.push(...groups[i]!);
      }
    } else if (draw < 0.75) {
      const [fetch] = await opened.journal.probe([true]);
      for (const [offset, text] of textsOf(fetch!)) {
        assert.equal(offset, position++);
        assert.equal(text, written[offset]);
      }
      assert.equal(fetch!.next, position);
    } else if (draw < 0.85) {
      committed = random.int(committed, position);
      clock.advance(random.int(0, 2_000));
      await opened.journal.acknowledge([committed]);
    } else if (draw < 0.95) {
      clock.jumpWall(random.int(-5_000, 5_000));
      const pages = Number(opened.db.prepare('PRAGMA page_count').get()?.page_count);
      opened.db.exec(`PRAGMA max_page_count = ${random.chance(0.5) ? pages : 1_000_000}`);
    } else {
      await close(opened);
      opened = await open(t, file, { clock, limits, offset: committed });
      position = committed;
    }
  }
  const rest = await readAll(opened.journal);
  assert.deepEqual(
    rest.map(([, text]) => text),
    written.slice(position),
  );
  assert.equal(opened.journal.nextOffset, written.length);
  await close(opened);
}
