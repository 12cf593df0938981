/**
 * CSV by column mapping: a row is an impression at its time and, where it was clicked, a click at
 * the same time: two events. Rows become event JSON for the one decoder. What a row does not say
 * readably is left as it is, so that the decoder rejects it for that reason, with the row inside.
 */
import { isUtf8 } from 'node:buffer';
import { ClickrateError } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import { CsvRow, NEWLINE } from './csv-row.ts';
import type { Splitter } from './split.ts';
import { parseTime } from './timestamps.ts';

/** Names of the columns that hold time, product and whether it was clicked. */
export type CsvMapping = { time: string; product: string; clicked: string | null };

const CLICKED = /^(1|true|t|yes)$/i;
const NOT_CLICKED = /^(0|false|f|no|)$/i;

const FLAG = '--csv time=COL,product=COL,clicked=COL';

/** Reads `time=COL,product=COL,clicked=COL`; `clicked` may be left out. Throws `usage`. */
export function parseCsvMapping(text: string): CsvMapping {
  const columns = new Map<string, string>();
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    const key = pair.slice(0, at).trim();
    const column = pair.slice(at + 1).trim();
    const isKnown = ['time', 'product', 'clicked'].includes(key);
    if (at < 0 || !isKnown || column === '' || columns.has(key))
      throw new ClickrateError('usage', `it must be ${FLAG}, not ${text}`);
    columns.set(key, column);
  }
  const [time, product] = [columns.get('time'), columns.get('product')];
  if (!time || !product)
    throw new ClickrateError('usage', `--csv must name the columns of time and product: ${text}`);
  return { time, product, clicked: columns.get('clicked') ?? null };
}

/**
 * What `--csv` says of these files, or that they are none. Throws `usage` for one that is called so
 * where nothing is said: each of its rows would be counted as broken.
 */
export function csvOf(files: readonly string[], text: unknown): { csv?: CsvMapping } {
  if (text !== undefined) return { csv: parseCsvMapping(String(text)) };
  const named = files.find((file) => /\.csv(\.gz)?$/i.test(file));
  if (named === undefined) return {};
  throw new ClickrateError('usage', `${named} is CSV by its name: name its columns with ${FLAG}`);
}

/** The mapping as `parseCsvMapping` reads it. */
export function mappingText({ time, product, clicked }: CsvMapping): string {
  return `time=${time},product=${product}${clicked === null ? '' : `,clicked=${clicked}`}`;
}

/** Where the mapped columns are; -1: there is none for clicks. */
type Columns = { time: number; product: number; clicked: number };

export class CsvSplitter implements Splitter {
  readonly recordsPerCut = 2;
  /** Which column is which stands in the first row. */
  readonly needsBegin = true;
  readonly #mapping: CsvMapping;
  readonly #row = new CsvRow();
  #columns: Columns | null = null;
  #output = Buffer.alloc(65_536);
  #used = 0;
  /** Where the row lies of which no line is whole yet, and up to where it was looked through. */
  #unfinished = { from: -1, to: -1 };

  constructor(mapping: CsvMapping) {
    this.#mapping = mapping;
  }

  get output(): Uint8Array {
    return this.#output;
  }

  begin(): void {
    this.#columns = null;
    this.#unfinished.from = -1;
  }

  split(bytes: Uint8Array, base: number, isLast: boolean, batch: RecordBatch): number {
    if (batch.count === 0) this.#used = 0;
    if (!isLast && this.#isUnfinished(bytes, base)) return 0;
    const end = bytes.length;
    let at = 0;
    while (at < end && batch.count + this.recordsPerCut <= batch.starts.length) {
      const stop = this.#row.read(bytes, at, isLast);
      if (stop < 0) {
        // With one among its quotes it may end there, once they are too far from their beginning.
        const isOneLine = !bytes.includes(NEWLINE, at);
        this.#unfinished = { from: isOneLine ? base + at : -1, to: base + end };
        break;
      }
      if (!this.#row.isBlank) this.#take(base + at, batch);
      at = Math.min(end, stop + 1);
    }
    return at;
  }

  /** Whether what has come behind a row that was not whole does not end it either. */
  #isUnfinished(bytes: Uint8Array, base: number): boolean {
    const { from, to } = this.#unfinished;
    if (from !== base || bytes.includes(NEWLINE, to - from)) return false;
    this.#unfinished.to = base + bytes.length;
    return true;
  }

  /** Turns the row into records. */
  #take(offset: number, batch: RecordBatch): void {
    const row = this.#row;
    if (this.#columns === null) {
      this.#columns = this.#findColumns();
      return;
    }
    const columns = this.#columns;
    const timeText = row.field(columns.time);
    const product = row.field(columns.product);
    const clicked = columns.clicked < 0 ? '0' : row.field(columns.clicked)?.trim();
    const time = timeText === undefined ? null : parseTime(timeText);
    const isProduct = product !== undefined && product !== '' && isText(product, row);
    if (row.isTorn || time === null || !isProduct || clicked === undefined) {
      const type = clicked === undefined ? undefined : 'impression';
      this.#broken(
        { product_id: product, timestamp: time ?? timeText, event_type: type },
        offset,
        batch,
      );
      return;
    }
    const event = `{"product_id":${JSON.stringify(product)},"timestamp":${time},"event_type":"`;
    this.#text(`${event}impression"}`, offset, batch);
    // A row is longer than one byte, so offsets still rise and are never shared.
    if (CLICKED.test(clicked)) this.#text(`${event}click"}`, offset + 1, batch);
    else if (!NOT_CLICKED.test(clicked)) {
      const type = `clicked: ${clicked}`;
      this.#broken({ product_id: product, timestamp: time, event_type: type }, offset + 1, batch);
    }
  }

  /**
   * A record that is rejected for what `said` lacks, or has wrong; the row is kept in it. A row
   * that is torn or not UTF-8 says nothing, and is a record as it is.
   */
  #broken(said: Record<string, unknown>, offset: number, batch: RecordBatch): void {
    const { raw, isTorn } = this.#row;
    if (isTorn || !isUtf8(raw)) this.#bytes(raw, offset, batch);
    else this.#text(JSON.stringify({ ...said, row: raw.toString() }), offset, batch);
  }

  #findColumns(): Columns {
    const names = Array.from({ length: this.#row.count }, (_, n) => this.#row.field(n)?.trim());
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

  #text(text: string, offset: number, batch: RecordBatch): void {
    // A UTF-16 unit takes up to 3 bytes.
    this.#makeRoom(text.length * 3);
    this.#add(this.#output.write(text, this.#used), offset, batch);
  }

  #bytes(bytes: Uint8Array, offset: number, batch: RecordBatch): void {
    this.#makeRoom(bytes.length);
    this.#output.set(bytes, this.#used);
    this.#add(bytes.length, offset, batch);
  }

  #makeRoom(size: number): void {
    if (this.#used + size <= this.#output.length) return;
    const larger = Buffer.alloc(Math.max(this.#output.length * 2, this.#used + size));
    larger.set(this.#output.subarray(0, this.#used));
    this.#output = larger;
  }

  /** The `size` bytes written last are a record. */
  #add(size: number, offset: number, batch: RecordBatch): void {
    const i = batch.count++;
    batch.starts[i] = this.#used;
    this.#used += size;
    batch.ends[i] = this.#used;
    batch.offsets[i] = offset;
  }
}

/** False where bytes that are no UTF-8 would make different products one. */
function isText(text: string, row: CsvRow): boolean {
  return !text.includes('\ufffd') || isUtf8(row.raw);
}
