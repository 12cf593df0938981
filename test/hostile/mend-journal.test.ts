/** What is made of damaged rows of the journal, and of gaps, each for itself. */
import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { mendHead, mendJournal } from '../../src/repair/mend-journal.ts';
import { rowSum } from '../../src/seal.ts';
import { JOURNAL_PARTITION, openDatabase } from '../../src/sqlite.ts';
import { brokenRows } from '../../src/sqlite-check.ts';
import type { Status } from '../../src/status.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commitOf, statusOf } from '../stores/commits.ts';

type Row = [first: number, count: number, arrival: number];

/** Offsets from `position` on that no row has. */
function holesFrom(db: DatabaseSync, position: number): number[] {
  const has = new Set<number>();
  for (const { first, count } of db.prepare('SELECT first, count FROM journal').all())
    for (let n = 0; n < Number(count); n++) has.add(Number(first) + n);
  const next = Number(db.prepare('SELECT next FROM journal_head').get()?.next);
  const all = Array.from({ length: next - position }, (_, n) => position + n);
  return all.filter((offset) => !has.has(offset));
}

/** A journal of `rows` whose next offset is `next`; the task has counted up to `position`. */
async function journalOf(rows: readonly Row[], next: number, position: number, floor?: number) {
  const db = openDatabase(':memory:');
  const put = db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)');
  const empty = new Uint8Array(0);
  for (const [first, count, arrival] of rows) {
    const values = [first, count, arrival, 0, empty, empty] as const;
    put.run(...values, rowSum(...values));
  }
  db.prepare('UPDATE journal_head SET topic = ?1, next = ?2, arrival = ?3, crc = ?4').run(
    ...(['t', next, 900, rowSum('t', next, 900)] as const),
  );
  const at = { ...statusOf(position).partitions[0]!, name: JOURNAL_PARTITION };
  const other = { ...at, name: 'another', position: 5_000, topicId: 'o' };
  const status: Status = {
    ...statusOf(position),
    partitions: [other, at],
    ledger: { ...statusOf(position).ledger, missed: 7 },
    publishFloor: floor ?? null,
  };
  const store = new SqliteStore(db);
  const fence = await store.claim('a', 'token');
  await store.commit(commitOf('a', fence, 1, { status }));
  const statuses = await store.statuses();
  const damaged = (table: string) => brokenRows(db, 100).filter((one) => one.table === table);
  const mended = async () => {
    const steps = mendJournal(db, damaged('journal'), statuses);
    assert.deepEqual(brokenRows(db, 100), []);
    assert.deepEqual(holesFrom(db, position), []);
    const after = (await store.statuses()).get('a')!;
    const { missed } = after.ledger;
    return { said: steps.map(({ what }) => what), missed: missed - 7, floor: after.publishFloor };
  };
  return { db, statuses, mended, damaged };
}

const AHEAD = statusOf(1).settings.futureMs;
const break_ = (firsts: string) => `UPDATE journal SET crc = crc + 1 WHERE first IN (${firsts})`;

test('gaps and damaged rows that were not counted are missed, each event once', async () => {
  const rows: Row[] = [
    [20, 10, 100],
    [30, 1, 200],
    [31, 9, 300],
    [40, 10, 400],
  ];
  const cases: [damage: string, said: string[], missed: number, floor: number | null][] = [
    ['SELECT 1', [], 0, null],
    [break_('30'), ['the journal from offset 30 to 30'], 1, 300 + AHEAD],
    [break_('20'), ['the journal from offset 20 to 29'], 10, 200 + AHEAD],
    [break_('40'), ['the journal from offset 40 to 49'], 10, 900 + AHEAD],
    [
      'DELETE FROM journal WHERE first IN (20, 31)',
      ['the journal from offset 20 to 29', 'the journal from offset 31 to 39'],
      19,
      400 + AHEAD,
    ],
  ];
  for (const [damage, said, missed, floor] of cases) {
    const { db, mended } = await journalOf(rows, 50, 20);
    db.exec(damage);
    assert.deepEqual(await mended(), { said, missed, floor }, damage);
  }
});

test('what was counted is not missed, whatever became of it', async () => {
  const rows: Row[] = [
    [0, 10, 100],
    [20, 10, 200],
    [30, 10, 300],
  ];
  const { db, mended } = await journalOf(rows, 40, 25);
  assert.deepEqual(await mended(), { said: [], missed: 0, floor: null });
  db.exec(break_('0'));
  const said = ['1 row of the journal before offset 25'];
  assert.deepEqual(await mended(), { said, missed: 0, floor: null });
  const later = await journalOf(rows, 40, 30);
  later.db.exec(break_('0, 20, 30'));
  assert.deepEqual(await later.mended(), {
    said: ['2 rows of the journal before offset 30', 'the journal from offset 30 to 39'],
    missed: 10,
    floor: 900 + AHEAD,
  });
});

test('a later publish floor stays', async () => {
  const { db, mended } = await journalOf([[20, 10, 100]], 30, 20, 1e12);
  db.exec(break_('20'));
  assert.equal((await mended()).floor, 1e12);
});

test('a head that is lost goes on behind what was counted, and behind the last row', async () => {
  for (const [position, next] of [
    [5, 30],
    [45, 45],
  ] as const) {
    const { db, statuses, damaged } = await journalOf([[20, 10, 100]], 30, position);
    assert.deepEqual(mendHead(db, damaged('journal_head'), statuses), []);
    db.exec('DELETE FROM journal_head');
    assert.equal(mendHead(db, damaged('journal_head'), statuses).length, 1);
    const head = { ...db.prepare('SELECT topic, next, arrival FROM journal_head').get() };
    assert.deepEqual(head, { topic: 't', next, arrival: 100 });
  }
});

test('a head that is lost with the checkpoint is of a new topic', async () => {
  const cases: [rows: Row[], sql: string, next: number, arrival: number][] = [
    [[[20, 10, 100]], 'DELETE FROM journal_head', 30, 100],
    [[[20, 10, 100]], 'UPDATE journal_head SET next = 7', 30, 100],
    [[], 'DELETE FROM journal_head', 0, 0],
  ];
  for (const [rows, sql, next, arrival] of cases) {
    const { db, damaged } = await journalOf(rows, 30, 5);
    db.exec(sql);
    const [{ what, does }] = mendHead(db, damaged('journal_head'), new Map());
    assert.equal(what, 'the head of the journal');
    assert.equal(does, `it is found again: the next event gets offset ${next}`);
    assert.deepEqual(damaged('journal_head'), []);
    const { topic, ...head } = { ...db.prepare('SELECT * FROM journal_head').get() };
    assert.match(String(topic), /^[0-9a-f-]{36}$/);
    assert.deepEqual([head.next, head.arrival], [next, arrival]);
  }
});

test('without a checkpoint it begins with the oldest row that is, or was, there', async () => {
  const rows: Row[] = [
    [20, 10, 100],
    [30, 10, 200],
  ];
  for (const [sql, what] of [
    ['SELECT 1', []],
    ['DELETE FROM journal WHERE first = 30', ['the journal from offset 30 to 39']],
    [break_('20'), ['the journal from offset 20 to 29']],
    [break_('20, 30'), ['the journal from offset 20 to 39']],
    [break_('30'), ['the journal from offset 30 to 39']],
  ] as const) {
    const { db, damaged } = await journalOf(rows, 40, 20);
    db.exec(sql);
    const steps = mendJournal(db, damaged('journal'), new Map());
    assert.deepEqual(
      steps.map((step) => step.what),
      what,
    );
  }
});
