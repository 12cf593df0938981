/** What can still be read of a database whose pages or schema are damaged, as a new file. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import { openDatabase } from '../sqlite.ts';
import { FORMS_AT, PAGE_BYTES, WITH_LOG, WITHOUT_LOG } from '../sqlite-log.ts';
import { freshSchema } from '../sqlite-tables.ts';

/** What the first page of our files says and never changes: where, and which bytes. */
const HEADER: [at: number, bytes: Buffer][] = [
  [0, Buffer.from('SQLite format 3\0')],
  // Page size; nothing reserved, shares of a payload.
  [16, Buffer.from([16, 0])],
  [20, Buffer.from([0, 64, 32, 32])],
  // Form of the schema; UTF-8.
  [44, Buffer.from([0, 0, 0, 4])],
  [56, Buffer.from([0, 0, 0, 1])],
  [68, Buffer.from('ctrs')],
];

/** Writes the constants of the file's header again; whether any was another. */
export function mendHeader(file: string): boolean {
  const fd = openSync(file, 'r+');
  try {
    let isMended = false;
    const pages = Buffer.alloc(4);
    pages.writeUInt32BE(Math.floor(fstatSync(fd).size / PAGE_BYTES));
    const bytesAt = (at: number, length: number) => {
      const found = Buffer.alloc(length);
      readSync(fd, found, 0, length, at);
      return found;
    };
    const forms = bytesAt(FORMS_AT, 2).equals(WITHOUT_LOG) ? WITHOUT_LOG : WITH_LOG;
    const header: typeof HEADER = [...HEADER, [FORMS_AT, forms], [28, pages]];
    for (const [at, bytes] of header) {
      const found = bytesAt(at, bytes.length);
      if (found.equals(bytes)) continue;
      writeSync(fd, bytes, 0, bytes.length, at);
      isMended = true;
    }
    return isMended;
  } finally {
    closeSync(fd);
  }
}

/** Definitions of tables and indexes as they must be, written over damaged ones; how many were. */
export function mendSchema(file: string): number {
  const db = new DatabaseSync(file, { defensive: false });
  try {
    db.exec('PRAGMA writable_schema = ON');
    const expected = [...freshSchema()].map(([what, text]) => {
      const [type, name] = what.split(' ');
      const cut = text.indexOf(' ');
      const sql = text.slice(cut + 1);
      return { type, name, table: text.slice(0, cut), sql: sql === 'null' ? null : sql };
    });
    const names = db
      .prepare('SELECT name FROM sqlite_schema')
      .all()
      .map(({ name }) => name);
    const missing = expected.filter(({ name }) => !names.includes(name));
    const unknown = names.filter((name) => !expected.some((one) => one.name === name));
    const renamed = missing.length === 1 && unknown.length === 1 ? missing[0].name : null;
    if (renamed !== null)
      db.prepare('UPDATE sqlite_schema SET name = ? WHERE name = ?').run(renamed, unknown[0]);
    const write = db.prepare(
      'UPDATE sqlite_schema SET type = ?1, tbl_name = ?2, sql = ?3 ' +
        'WHERE name = ?4 AND (type IS NOT ?1 OR tbl_name IS NOT ?2 OR sql IS NOT ?3)',
    );
    let mended = 0;
    for (const { type, name, table, sql } of expected)
      if (write.run(type, table, sql, name).changes !== 0 || name === renamed) mended++;
    return mended;
  } finally {
    db.close();
  }
}

/** NOMEM, IOERR and FULL: nothing that is wrong with a file. */
const OF_THE_MACHINE = [7, 10, 13];
/** TOOBIG, CONSTRAINT and MISMATCH: what is wrong with one row. */
const OF_THE_ROW = [18, 19, 20];

/** Rows of a table that the new file has; those it did not take; whether all could be read. */
type Salvaged = { rows: number; left: number; whole: boolean };

/** Copies every row that can be read into the new file `to`, from both ends of each table. */
export function salvage(from: string, to: string): Map<string, Salvaged> {
  const found = new Map<string, Salvaged>();
  const target = openDatabase(to);
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    for (const what of freshSchema().keys()) {
      const [type, table] = what.split(' ');
      if (type === 'table' && !table.startsWith('sqlite_'))
        found.set(table, copyTable(source, target, table));
    }
    return found;
  } finally {
    source.close();
    target.close();
  }
}

/** One transaction: each of its own would cost a write to the disk for every row. */
export function copyTable(source: DatabaseSync, target: DatabaseSync, table: string): Salvaged {
  target.exec(`BEGIN; DELETE FROM ${table}`);
  const columns = target.prepare('SELECT name, pk FROM pragma_table_info(?)').all(table);
  const names = columns.map(({ name }) => String(name));
  const list = target.prepare('SELECT wr FROM pragma_table_list WHERE name = ?');
  const hasRowid = list.get(table)?.wr === 0;
  const order = hasRowid ? 'rowid' : columns.find(({ pk }) => pk === 1)?.name;
  const put = putInto(target, table, names);
  const read = (direction: string) =>
    eachRow(source, `SELECT * FROM ${table} NOT INDEXED ORDER BY ${order} ${direction}`, put.row);
  const whole = read('ASC');
  const left = put.left();
  if (!whole) read('DESC');
  target.exec('COMMIT');
  return { rows: put.count(), left, whole };
}

type Row = Record<string, SQLOutputValue>;

/** Puts in what the table takes; a damaged row that it does not take is left out. */
function putInto(target: DatabaseSync, table: string, names: readonly string[]) {
  const marks = names.map(() => '?').join(', ');
  const insert = target.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${marks})`);
  let [count, tried] = [0, 0];
  const row = (values: Row) => {
    tried++;
    try {
      count += Number(insert.run(...names.map((name) => values[name] ?? null)).changes);
    } catch (error) {
      if (!OF_THE_ROW.includes(codeOf(error))) throw error;
    }
  };
  return { row, count: () => count, left: () => tried - count };
}

/** Whether all rows could be read. What the new file throws is no damage of this one. */
function eachRow(source: DatabaseSync, sql: string, put: (row: Row) => void): boolean {
  let rows: Iterator<Row> | null = null;
  for (;;) {
    let next: IteratorResult<Row>;
    try {
      rows ??= reading(source, sql);
      next = rows.next();
    } catch (error) {
      if (OF_THE_MACHINE.includes(codeOf(error))) throw error;
      // As far as the damage; the rest is read from the other end.
      return false;
    }
    if (next.done === true) return true;
    put(next.value);
  }
}

function reading(source: DatabaseSync, sql: string): Iterator<Row> {
  const select = source.prepare(sql);
  select.setReadBigInts(true);
  return select.iterate() as Iterator<Row>;
}

/** SQLite's primary result code. */
function codeOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}
