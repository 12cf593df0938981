/** The events of the stream as text. Each is one line of JSON, which holds no line break. */
import type { Change } from '../../stores/store.ts';
import { TextBytes } from '../../text-bytes.ts';
import { freshnessText } from '../freshness.ts';
import { addRow, pairAt, textOf, type Yardstick } from '../live.ts';
import { type Context, yardstickOf } from '../parts.ts';
import type { Rows } from '../rows.ts';
import type { Entry } from './ring.ts';

/** Pieces of a long event; small enough that a reader's buffer stays small. */
export const PIECE_BYTES = 262_144;
/** Rows made at a time before others get their turn: about 3 ms. */
const ROWS_A_TURN = 1_000;

const COMMA_BYTES = 1;
/** Where the text of a change is put together: it is as long as those before it. */
const text = new TextBytes(65_536);

export type Snapshot = {
  incarnation: string;
  /** The change it holds at least; rows may be newer, and what follows says them again. */
  number: number;
  pieces: Buffer[];
};

function head(event: string, incarnation: string, number: number): string {
  return `event: ${event}\nid: ${incarnation}-${number}\ndata: `;
}

/** An event without id: what it says is not resumed. */
export function sideEvent(event: string, json: string): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${json}\n\n`);
}

/** A change with its text, every row as of now. */
export function entryOf(context: Context, change: Change): Entry {
  const { incarnation, number, removals, windowMs } = change;
  const yardstick = yardstickOf(context);
  const begin = `${head('change', incarnation, number)}{"number":${number},"rows":[`;
  const { rows } = change;
  const starts = new Uint32Array(rows.length + 1);
  text.clear();
  text.any(begin);
  for (let i = 0; i < rows.length; i++) {
    if (i > 0) text.any(',');
    starts[i] = text.at;
    addRow(text, rows[i], windowMs, yardstick);
  }
  starts[rows.length] = text.at + COMMA_BYTES;
  text.any(tail(context, removals));
  const bytes = text.take();
  return { ...lightEntry(change), bytes, starts };
}

/** A change without its text, for a time in which nobody listens. */
export function lightEntry({ number, rows, removals }: Change): Entry {
  const products = rows.map(({ product }) => product);
  return { number, rows: products, removed: removals, bytes: null, starts: new Uint32Array(0) };
}

function tail(context: Context, removed: readonly string[]): string {
  return `],"removed":${JSON.stringify(removed)},"freshness":${freshnessText(context)}}\n\n`;
}

/** What of a change concerns `filter`, with the same id; null when nothing does. */
export function filteredText(
  context: Context,
  incarnation: string,
  entry: Entry,
  filter: ReadonlySet<string>,
): Buffer | null {
  const { number, bytes, starts } = entry;
  const removed = entry.removed.filter((product) => filter.has(product));
  const rows: string[] = [];
  for (const [i, product] of entry.rows.entries())
    if (bytes !== null && filter.has(product))
      rows.push(bytes.toString('utf8', starts[i], starts[i + 1] - COMMA_BYTES));
  if (rows.length === 0 && removed.length === 0) return null;
  const begin = `${head('change', incarnation, number)}{"number":${number},"rows":[`;
  return Buffer.from(begin + rows.join(',') + tail(context, removed));
}

function textAt(rows: Rows, slot: number, yardstick: Yardstick): string {
  return textOf((bytes) => addRow(bytes, pairAt(rows, slot), rows.windowMs, yardstick));
}

/** One change in the place of many: `products` as they are now, under the number of the last. */
export function coalescedPieces(
  context: Context,
  incarnation: string,
  number: number,
  products: Iterable<string>,
): Buffer[] {
  const { rows } = context.results;
  const yardstick = yardstickOf(context);
  const removed: string[] = [];
  const pieces = new Pieces(`${head('change', incarnation, number)}{"number":${number},"rows":[`);
  for (const product of products) {
    const slot = rows.slotOf(product);
    if (slot === undefined) removed.push(product);
    else pieces.addRow(textAt(rows, slot, yardstick));
  }
  return pieces.end(tail(context, removed));
}

/** Joins rows to pieces of about `PIECE_BYTES`. */
class Pieces {
  readonly #pieces: Buffer[] = [];
  #text: string;
  #isFirst = true;

  constructor(text: string) {
    this.#text = text;
  }

  addRow(text: string): void {
    this.#text += this.#isFirst ? text : `,${text}`;
    this.#isFirst = false;
    if (this.#text.length >= PIECE_BYTES) this.#cut();
  }

  #cut(): void {
    this.#pieces.push(Buffer.from(this.#text));
    this.#text = '';
  }

  end(text: string): Buffer[] {
    this.#text += text;
    this.#cut();
    return this.#pieces;
  }
}

/** The beginning of a snapshot or reset, to be followed by the pieces of a snapshot. */
export function snapshotHead(event: 'snapshot' | 'reset', snapshot: Snapshot): Buffer {
  return Buffer.from(head(event, snapshot.incarnation, snapshot.number));
}

/**
 * All rows, or those of `filter`; others get their turn while it is made. Throws
 * `store_unavailable` before the first load.
 */
export async function makeSnapshot(
  context: Context,
  filter: ReadonlySet<string> | null,
): Promise<Snapshot> {
  const { results } = context;
  const { rows } = results;
  const { incarnation, number } = results.place!;
  const pieces = new Pieces(
    `{"incarnation":${JSON.stringify(incarnation)},"number":${number},` +
      `"window_ms":${rows.windowMs},"rows":[`,
  );
  const yardstick = yardstickOf(context);
  const add = (slot: number | undefined) => {
    if (slot !== undefined && rows.productAt(slot) !== undefined)
      pieces.addRow(textAt(rows, slot, yardstick));
  };
  if (filter !== null) for (const product of filter) add(rows.slotOf(product));
  else
    for (let slot = 0; slot < rows.end; slot++) {
      add(slot);
      if (slot % ROWS_A_TURN === ROWS_A_TURN - 1) await new Promise(setImmediate);
    }
  return {
    incarnation,
    number,
    pieces: pieces.end(`],"freshness":${freshnessText(context)}}\n\n`),
  };
}
