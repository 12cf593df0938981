/**
 * CSV (RFC 4180) by column mapping: a row is an impression at its time and, where it was clicked, a
 * click at the same time: two events. Rows become event JSON for the one decoder; a row that cannot
 * be read is handed over as it is, so that it is rejected with its own bytes.
 */
import { ClickrateError } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import type { Splitter } from './split.ts';
import { parseTime } from './timestamps.ts';

/** Names of the columns that hold time, product and whether it was clicked. */
export type CsvMapping = { time: string; product: string; clicked: string | null };

const QUOTE = 0x22;
const NEWLINE = 0x0a;
const utf8 = new TextDecoder();
const encoder = new TextEncoder();
const CLICKED = /^(1|true)$/i;
const NOT_CLICKED = /^(0|false|)$/i;

/** Reads `time=COL,product=COL,clicked=COL`; `clicked` may be left out. Throws `usage`. */
export function parseCsvMapping(text: string): CsvMapping {
  const columns = new Map<string, string>();
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at).trim();
    if (at < 1 || !['time', 'product', 'clicked'].includes(key) || columns.has(key))
      throw new ClickrateError(
        'usage',
        `--csv takes time=COL,product=COL,clicked=COL, not ${text}`,
      );
    columns.set(key, pair.slice(at + 1).trim());
  }
  const [time, product] = [columns.get('time'), columns.get('product')];
  if (!time || !product)
    throw new ClickrateError('usage', `--csv must name the columns of time and product: ${text}`);
  return { time, product, clicked: columns.get('clicked') ?? null };
}

type Columns = { time: number; product: number; clicked: number };

export class CsvSplitter implements Splitter {
  readonly #mapping: CsvMapping;
  #columns: Columns | null = null;
  #output = new Uint8Array(65_536);
  #used = 0;

  constructor(mapping: CsvMapping) {
    this.#mapping = mapping;
  }

  get output(): Uint8Array {
    return this.#output;
  }

  begin(): void {
    this.#columns = null;
  }

  split(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    isLast: boolean,
    batch: RecordBatch,
    room: number,
  ): number {
    if (batch.count === 0) this.#used = 0;
    let at = start;
    // A row takes up to two records.
    while (at < end && batch.count + 1 < room) {
      const stop = endOfRow(bytes, at, end);
      if (stop < 0 && !isLast) break;
      const rowEnd = stop < 0 ? end : stop;
      this.#row(bytes.subarray(at, rowEnd), base + (at - start), batch);
      at = Math.min(end, rowEnd + 1);
    }
    return at;
  }

  #row(raw: Uint8Array, offset: number, batch: RecordBatch): void {
    const row = raw.at(-1) === 0x0d ? raw.subarray(0, raw.length - 1) : raw;
    if (row.length === 0) return;
    const fields = fieldsOf(utf8.decode(row));
    if (this.#columns === null) {
      this.#columns = this.#findColumns(fields);
      return;
    }
    const columns = this.#columns;
    const time = parseTime(fields[columns.time] ?? '');
    const product = fields[columns.product];
    const clicked = columns.clicked < 0 ? '0' : (fields[columns.clicked] ?? '?').trim();
    const isClick = CLICKED.test(clicked);
    const isReadable =
      time !== null && product !== undefined && (isClick || NOT_CLICKED.test(clicked));
    if (!isReadable) {
      this.#add(row, offset, batch);
      return;
    }
    const event = (type: string) =>
      encoder.encode(
        `{"product_id":${JSON.stringify(product)},"timestamp":${time},"event_type":"${type}"}`,
      );
    this.#add(event('impression'), offset, batch);
    // The row is longer than one byte, so offsets still rise and are never shared.
    if (isClick) this.#add(event('click'), offset + 1, batch);
  }

  #findColumns(header: string[]): Columns {
    const names = header.map((name) => name.trim());
    const find = (name: string) => {
      const at = names.indexOf(name);
      if (at < 0)
        throw new ClickrateError(
          'usage',
          `the CSV has no column ${name}; its columns are ${names.join(', ').slice(0, 500)}`,
        );
      return at;
    };
    const { time, product, clicked } = this.#mapping;
    return {
      time: find(time),
      product: find(product),
      clicked: clicked === null ? -1 : find(clicked),
    };
  }

  #add(record: Uint8Array, offset: number, batch: RecordBatch): void {
    if (this.#used + record.length > this.#output.length) {
      const larger = new Uint8Array(Math.max(this.#output.length * 2, this.#used + record.length));
      larger.set(this.#output.subarray(0, this.#used));
      this.#output = larger;
    }
    const i = batch.count++;
    batch.starts[i] = this.#used;
    this.#output.set(record, this.#used);
    this.#used += record.length;
    batch.ends[i] = this.#used;
    batch.offsets[i] = offset;
  }
}

/** Index of the newline that ends the row at `at`, outside quotes; -1 when it lies further on. */
function endOfRow(bytes: Uint8Array, at: number, end: number): number {
  let isQuoted = false;
  for (let n = at; n < end; n++) {
    const b = bytes[n];
    if (b === QUOTE) isQuoted = !isQuoted;
    else if (b === NEWLINE && !isQuoted) return n;
  }
  return -1;
}

/** The fields of a row; a quoted one may hold commas, newlines and doubled quotes. */
export function fieldsOf(row: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = '';
    if (row[at] === '"') {
      let stop = row.indexOf('"', at + 1);
      while (stop >= 0 && row[stop + 1] === '"') stop = row.indexOf('"', stop + 2);
      if (stop < 0) stop = row.length;
      field = row.slice(at + 1, stop).replaceAll('""', '"');
      at = stop + 1;
    }
    const comma = row.indexOf(',', at);
    const stop = comma < 0 ? row.length : comma;
    fields.push(field + row.slice(at, stop));
    if (comma < 0) return fields;
    at = comma + 1;
  }
}
