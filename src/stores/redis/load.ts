/**
 * All rows at one change number, although no call holds Redis up: both hashes are scanned page by
 * page, then the changes that came meanwhile are applied on top. Their rows are absolute, so it
 * does not matter which of them a page had seen already.
 */
import { ClickrateError } from '../../errors.ts';
import type { Counts, Result } from '../../result.ts';
import type { Row } from '../store.ts';
import { changeOf, type Entry, type MarkedChange } from './changes.ts';
import type { Connection } from './connection.ts';
import { FORM, KEYS } from './keys.ts';

/** Where the stream of changes stands; no incarnation before the first write. */
export type Position = {
  incarnation: string | null;
  number: number;
  mark: string;
  windowMs: number | null;
};

/** Fields of a page: half a millisecond of Redis. */
const PAGE_FIELDS = 500;
/** Changes read in one go. */
const PAGE_CHANGES = 50;
/** Tries, when changes are trimmed or lost under our hands. */
const TRIES = 5;

export async function readPosition(connection: Connection): Promise<Position> {
  const command = ['HMGET', KEYS.store, 'form', 'incarnation', 'change', 'mark', 'windowMs'];
  const [form, incarnation, change, mark, windowMs] =
    await connection.send<(string | null)[]>(command);
  if (form !== null && Number(form) > FORM)
    throw new ClickrateError(
      'store_foreign',
      `Redis holds data of form ${form}; this version of clickrate reads form ${FORM}`,
    );
  return {
    incarnation,
    number: Number(change),
    mark: mark ?? '',
    windowMs: windowMs === null ? null : Number(windowMs),
  };
}

/** Every row, and the position it is current to. Throws `store_unavailable` if there is no rest. */
export async function loadRows(
  connection: Connection,
): Promise<{ position: Position; rows: Row[] }> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await readPosition(connection);
    const rows = await scan(connection);
    const position = await readPosition(connection);
    const changes = await changesBetween(connection, before, position);
    if (changes === null) continue;
    for (const change of changes) {
      for (const product of change.removals) rows.delete(product);
      for (const row of change.rows) rows.set(row.product, row);
    }
    return { position, rows: [...rows.values()] };
  }
  throw new ClickrateError('store_unavailable', 'Redis changes too fast to be loaded');
}

async function scan(connection: Connection): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  await eachField(connection, KEYS.latest, (product, latest) =>
    rows.set(product, { product, latest, previous: null }),
  );
  await eachField(connection, KEYS.previous, (product, previous) => {
    const row = rows.get(product);
    if (row !== undefined) row.previous = previous;
  });
  return rows;
}

async function eachField(
  connection: Connection,
  key: string,
  visit: (product: string, counts: Counts) => void,
): Promise<void> {
  let cursor = '0';
  do {
    const command = ['HSCAN', key, cursor, 'COUNT', String(PAGE_FIELDS)];
    const page = await connection.send<[string, string[]]>(command);
    cursor = page[0];
    for (let i = 0; i < page[1].length; i += 2) visit(page[1][i], countsOf(page[1][i + 1]));
  } while (cursor !== '0');
}

function countsOf(text: string): Counts {
  const { window_start: start, impressions, clicks } = JSON.parse(text) as Result;
  return { start, impressions, clicks };
}

/** The changes that led from one position to the other; null when they cannot be told. */
async function changesBetween(
  connection: Connection,
  before: Position,
  after: Position,
): Promise<MarkedChange[] | null> {
  const changes: MarkedChange[] = [];
  if (before.incarnation !== after.incarnation) return null;
  let { number, mark } = before;
  while (number < after.number) {
    const span = [`${number + 1}-0`, `${after.number}-0`];
    const command = ['XRANGE', KEYS.changes, ...span, 'COUNT', String(PAGE_CHANGES)];
    const page = await connection.send<Entry[]>(command);
    if (page.length === 0) return null;
    for (const entry of page) {
      const change = changeOf(entry);
      if (change.number !== number + 1 || change.before !== mark) return null;
      number = change.number;
      mark = change.mark;
      changes.push(change);
    }
  }
  return number === after.number && mark === after.mark ? changes : null;
}
