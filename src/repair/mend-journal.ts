/** Damaged rows of the journal: what was counted goes; what was not becomes a hole, and missed. */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { rowSum } from '../seal.ts';
import { JOURNAL_PARTITION } from '../sqlite.ts';
import type { Damage } from '../sqlite-check.ts';
import type { Status } from '../status.ts';
import { counted, NOTHING, type Step } from './steps.ts';

type Statuses = ReadonlyMap<string, Status>;
type Span = { first: number; end: number; arrival: number };

const EMPTY = new Uint8Array(0);

function positionIn(statuses: Statuses) {
  for (const { partitions } of statuses.values())
    for (const at of partitions) if (at.name === JOURNAL_PARTITION) return at;
  return null;
}

/** Topic, next offset and time, from the checkpoint and the rows that are there. */
export function mendHead(db: DatabaseSync, damage: readonly Damage[], statuses: Statuses): Step[] {
  const row = db.prepare('SELECT 1 FROM journal_head').get();
  if (damage.length === 0 && row !== undefined) return [];
  const at = positionIn(statuses);
  const last = spansOf(db).at(-1) ?? { end: 0, arrival: 0 };
  const next = Math.max(last.end, at?.position ?? 0);
  const topic = at?.topicId ?? randomUUID();
  const head = [topic, next, last.arrival] as const;
  const insert = db.prepare('INSERT OR REPLACE INTO journal_head VALUES (1, ?, ?, ?, ?)');
  insert.run(...head, rowSum(...head));
  const does = `it is found again: the next event gets offset ${next}`;
  return [{ what: 'the head of the journal', does, lost: NOTHING }];
}

function spansOf(db: DatabaseSync): Span[] {
  const rows = db.prepare('SELECT first, count, arrival FROM journal ORDER BY first').all();
  return rows.map(({ first, count, arrival }) => ({
    first: Number(first),
    end: Number(first) + Number(count),
    arrival: Number(arrival),
  }));
}

/** Damaged rows, and gaps where rows could not be read. */
export function mendJournal(
  db: DatabaseSync,
  damage: readonly Damage[],
  statuses: Statuses,
): Step[] {
  for (const { key } of damage) db.prepare('DELETE FROM journal WHERE first IS ?').run(key[0]);
  const head = db.prepare('SELECT next, arrival FROM journal_head').get();
  const end = { first: Number(head?.next), arrival: Number(head?.arrival) };
  const spans = spansOf(db);
  const oldest = Math.min(spans[0]?.first ?? end.first, Number(damage[0]?.key[0] ?? Infinity));
  const start = positionIn(statuses)?.position ?? oldest;
  const steps: Step[] = [];
  const early = damage.filter(({ key }) => Number(key[0]) < start).length;
  if (early > 0)
    steps.push({
      what: `${counted(early, 'row')} of the journal before offset ${start}`,
      does: 'gone: their events are counted',
      lost: NOTHING,
    });
  let at = start;
  for (const span of [...spans, { ...end, end: end.first }]) {
    if (span.first > at)
      steps.push(dig(db, { first: at, end: span.first, arrival: span.arrival }, statuses));
    at = Math.max(at, span.end);
  }
  return steps;
}

/** A row without records: the task passes over it. Windows that may lack them are not published. */
function dig(db: DatabaseSync, { first, end, arrival }: Span, statuses: Statuses): Step {
  const count = end - first;
  const values = [first, count, arrival, 0, EMPTY, EMPTY] as const;
  db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)').run(...values, rowSum(...values));
  for (const [task, status] of statuses) {
    status.ledger.missed += count;
    const floor = arrival + status.settings.futureMs;
    status.publishFloor = Math.max(status.publishFloor ?? -Infinity, floor);
    const text = JSON.stringify(status);
    db.prepare(
      'UPDATE tasks SET status = ?1, crc = row_sum(task, number, ?1, parts) WHERE task = ?2',
    ).run(text, task);
  }
  return {
    what: `the journal from offset ${first} to ${end - 1}`,
    does: 'it is set aside and counted as missed, behind a publish floor',
    lost: `${counted(count, 'event')} that were accepted`,
  };
}
