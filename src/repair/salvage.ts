/** What can still be read of a database whose pages or schema are damaged, as a new file. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase } from '../sqlite.ts';
import { teachSums } from '../sqlite-check.ts';
import { freshSchema } from '../sqlite-tables.ts';

const PAGE_BYTES = 4_096;

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

/** Where the forms for writing and reading are: with a log, or without, as a backup is written. */
const FORMS_AT = 18;
const [WITH_LOG, WITHOUT_LOG] = [Buffer.from([2, 2]), Buffer.from([1, 1])];

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
    if (missing.length === 1 && unknown.length === 1)
      db.prepare('UPDATE sqlite_schema SET name = ? WHERE name = ?').run(
        missing[0].name,
        unknown[0],
      );
    let mended = missing.length === 1 ? unknown.length : 0;
    const write = db.prepare(
      'UPDATE sqlite_schema SET type = ?1, tbl_name = ?2, sql = ?3 ' +
        'WHERE name = ?4 AND (type IS NOT ?1 OR tbl_name IS NOT ?2 OR sql IS NOT ?3)',
    );
    for (const { type, name, table, sql } of expected)
      mended += Number(write.run(type, table, sql, name).changes);
    return mended;
  } finally {
    db.close();
  }
}

/** Rows of each table that were read, and whether that was all of them. */
export type Salvaged = Map<string, { rows: number; whole: boolean }>;

/** Copies every row that can be read into the new file `to`, from both ends of each table. */
export function salvage(from: string, to: string): Salvaged {
  const found: Salvaged = new Map();
  const target = openDatabase(to);
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    teachSums(source);
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

function copyTable(source: DatabaseSync, target: DatabaseSync, table: string) {
  const columns = target.prepare(`SELECT name, pk FROM pragma_table_info('${table}')`).all();
  const keys = columns.filter(({ pk }) => Number(pk) > 0).map(({ name }) => String(name));
  const isRowid = keys.length === 1 && table !== 'meta' && table !== 'cell_counts';
  const order = isRowid || table === 'parts' || keys.length > 1 ? ['rowid'] : keys;
  target.exec(`DELETE FROM ${table}`);
  const marks = columns.map(() => '?').join(', ');
  const insert = target.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${marks})`);
  let rows = 0;
  const read = (direction: string): boolean => {
    try {
      const sorted = order.map((name) => `${name} ${direction}`).join(', ');
      const select = source.prepare(`SELECT * FROM ${table} NOT INDEXED ORDER BY ${sorted}`);
      select.setReadBigInts(true);
      for (const row of select.iterate())
        rows += Number(insert.run(...columns.map(({ name }) => row[String(name)])).changes);
      return true;
    } catch {
      // As far as the damage; the rest is read from the other end.
      return false;
    }
  };
  const whole = read('ASC');
  if (!whole) read('DESC');
  return { rows, whole };
}
