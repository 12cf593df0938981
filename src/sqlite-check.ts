/**
 * Whether a database file is what was written: its pages hang together, its tables are ours, and
 * the checksum of every row that counts, or tells where counting stands, is right.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ErrorCode } from './errors.ts';
import { rowSum, WAY_OUT } from './seal.ts';

/** Something damaged: what it is, in words, and of which table and row. */
export type Damage = { code: ErrorCode; what: string; table: string; key: SQLOutputValue[] };

type Summed = {
  columns: string[];
  /** How many of them name the row. */
  keys: number;
  code: ErrorCode;
  /** What a row is called. */
  name(...key: unknown[]): string;
};

const plain = { keys: 1, code: 'checkpoint_damaged' as const };

/** Tables with a checksum in each row, over these columns. */
export const SUMMED: Record<string, Summed> = {
  meta: { ...plain, columns: ['name', 'value'], name: (name) => `the setting ${name}` },
  tasks: {
    ...plain,
    columns: ['task', 'number', 'status', 'parts'],
    name: (task) => `the status of task ${task}`,
  },
  parts: {
    ...plain,
    columns: ['task', 'name', 'bytes'],
    keys: 2,
    name: (task, name) => `checkpoint part ${name} of task ${task}`,
  },
  products: { ...plain, columns: ['no', 'product', 'task'], name: (no) => `product number ${no}` },
  rows: {
    ...plain,
    columns: ['bucket', 'rows'],
    name: (bucket) => `latest and previous of bucket ${bucket}`,
  },
  cells: {
    ...plain,
    columns: ['level', 'bucket', 'start', 'count', 'cells'],
    keys: 3,
    name: (level, bucket, start) => `history of ${level} ${start}, bucket ${bucket}`,
  },
  journal: {
    columns: ['first', 'count', 'arrival', 'size', 'ends', 'bytes'],
    keys: 1,
    code: 'journal_damaged',
    name: (first) => `the journal's row at offset ${first}`,
  },
  journal_head: {
    columns: ['topic', 'next', 'arrival'],
    keys: 0,
    code: 'journal_damaged',
    name: () => 'the head of the journal',
  },
};

/** Lets statements on this connection use `row_sum(…)`. */
export function teachSums(db: DatabaseSync): void {
  const options = { deterministic: true, varargs: true, useBigIntArguments: true };
  db.function('row_sum', options, rowSum);
}

/** What `PRAGMA integrity_check` says is wrong, at most `limit` sentences. */
export function brokenPages(db: DatabaseSync, limit: number): Damage[] {
  const rows = db.prepare(`PRAGMA integrity_check(${limit})`).all();
  const sentences = rows.map((row) => String(Object.values(row)[0])).filter((say) => say !== 'ok');
  return sentences.map((say) => {
    const what = `the file's structure (${say.replace(/\s+/g, ' ')})`;
    return { code: 'checkpoint_damaged', what, table: '', key: [] };
  });
}

type Schema = Map<string, string>;

export function schemaOf(db: DatabaseSync): Schema {
  const rows = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').all();
  return new Map(
    rows.map(({ type, name, tbl_name, sql }) => [`${type} ${name}`, `${tbl_name} ${sql}`]),
  );
}

/** Tables and indexes that are not as `expected`; others' own are none of our business. */
export function brokenSchema(db: DatabaseSync, expected: Schema): Damage[] {
  const found = schemaOf(db);
  return [...expected]
    .filter(([what, text]) => found.get(what) !== text)
    .map(([what]) => ({
      code: 'checkpoint_damaged' as const,
      what: `the definition of ${what}`,
      table: '',
      key: [],
    }));
}

/**
 * Rows whose checksum is not that of their values, at most `limit` of each table; tasks that lack a
 * part; and levels whose number of cells is wrong, by which history would be dropped.
 */
export function brokenRows(db: DatabaseSync, limit: number): Damage[] {
  const found = Object.entries(SUMMED).flatMap(([table, { columns, keys, code, name }]) => {
    const named = keys === 0 ? 'NULL' : columns.slice(0, keys).join(', ');
    const sum = `row_sum(${columns.join(', ')})`;
    const rows = db.prepare(`SELECT ${named} FROM ${table} WHERE crc IS NOT ${sum} LIMIT ${limit}`);
    rows.setReadBigInts(true);
    return rows.all().map((row): Damage => {
      const key = keys === 0 ? [] : Object.values(row);
      return { code, what: name(...key), table, key };
    });
  });
  return [...found, ...missingParts(db), ...miscounted(db)];
}

function missingParts(db: DatabaseSync): Damage[] {
  const rows = db
    .prepare(
      `SELECT task, parts, (SELECT count(*) FROM parts WHERE parts.task = tasks.task) AS found
FROM tasks WHERE parts <> found UNION ALL
SELECT task, 0, count(*) FROM parts WHERE task NOT IN (SELECT task FROM tasks) GROUP BY task`,
    )
    .all();
  return rows.map(({ task, parts, found }) => {
    const what = `the checkpoint of task ${task} (${parts} parts, but ${found} are there)`;
    return { code: 'checkpoint_damaged', what, table: 'tasks', key: [task] };
  });
}

/** In floating point: a damaged number may be too large for a sum. */
function miscounted(db: DatabaseSync): Damage[] {
  const rows = db
    .prepare(
      `SELECT level FROM (SELECT level, count AS n FROM cells UNION ALL
SELECT level, -cells FROM cell_counts) GROUP BY level HAVING total(n) <> 0`,
    )
    .all();
  return rows.map(({ level }) => {
    const what = `the number of cells of ${level}`;
    return { code: 'checkpoint_damaged', what, table: 'cell_counts', key: [level] };
  });
}

/** One sentence over all of it. */
export function sentenceOf(file: string, found: readonly Damage[]): string {
  const more = found.length > 1 ? ` and ${found.length - 1} more` : '';
  return `${file}: ${found[0]?.what}${more} is damaged; ${WAY_OUT}`;
}
