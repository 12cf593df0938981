/** The layouts of a stream: those met last, the likeliest first. */
import type { EventBatch } from './columns.ts';
import { Found, type Match, READ_AHEAD, RUN_ROWS, type Rules } from './compile.ts';
import type { Fields } from './fields.ts';
import { learn } from './layout.ts';

/** Layouts remembered: producers in a stream are few; the others are scanned. */
const MAX_LAYOUTS = 4;
/** After this many scanned records in a row the oldest layout gives way to a new one. */
const PATIENCE = 64;

export class Layouts {
  /** Where the values of the run matched last are. */
  readonly found = new Found();
  readonly #rules: Rules;
  readonly #max: number;
  readonly #matches: Match[] = [];
  #misses = 0;

  constructor(rules: Rules, isOn: boolean) {
    this.#rules = rules;
    this.#max = isOn ? MAX_LAYOUTS : 0;
  }

  /**
   * Matches as many rows from `from` on as one layout fits, at most to row `to`; returns the row
   * after them. Their times and kinds are then in `out`, the rest in `found`.
   */
  match(
    bytes: Uint8Array,
    view: DataView,
    starts: Uint32Array,
    ends: Uint32Array,
    from: number,
    to: number,
    out: EventBatch,
  ): number {
    const matches = this.#matches;
    const last = Math.min(to, from + RUN_ROWS);
    for (let n = 0; n < matches.length; n++) {
      const match = matches[n];
      const next = match(bytes, view, starts, ends, from, last, out, this.found);
      if (next === from) continue;
      if (n > 0) {
        matches[n] = matches[n - 1];
        matches[n - 1] = match;
      }
      this.#misses = 0;
      return next;
    }
    return from;
  }

  /** A good record that no layout fitted, as `fields` has just scanned it. */
  learn(fields: Fields, start: number, end: number): void {
    // The last one of a buffer was not tried.
    if (this.#max === 0 || end + READ_AHEAD > fields.cursor.bytes.length) return;
    this.#misses++;
    const isFull = this.#matches.length >= this.#max;
    if (isFull && this.#misses < PATIENCE) return;
    const match = learn(fields, start, end, this.#rules);
    if (match === null) return;
    if (isFull) this.#matches.pop();
    this.#matches.unshift(match);
    this.#misses = 0;
  }
}
