/**
 * The layouts of a stream, the likeliest first. Trying and learning cost more than a scan, so both
 * are given up for a while where they do not pay: whatever comes, decoding stays about as quick as
 * without layouts.
 */
import type { RecordBatch } from '../event.ts';
import type { Match, Rules } from './compile.ts';
import type { Fields } from './fields.ts';
import { learn } from './layout.ts';
import { take, taken } from './run.ts';

/** Layouts remembered: producers in a stream are few; the others are scanned. */
const MAX_LAYOUTS = 4;
/** Rows that a layout must have matched to have been worth learning. */
const WORTH_ROWS = 1_024;
/** Scanned records before another layout is learned: at first with all places taken, at most. */
const PATIENCE = 64;
const MOST_PATIENCE = 65_536;
/** After so many rows in a row that none fits, as many are scanned untried, at most so many. */
const FAILURES = 32;
const MOST_SKIPPED = 1_024;

type Known = { match: Match; rows: number };

export class Layouts {
  readonly #rules: Rules;
  readonly #seed: number;
  readonly #max: number;
  readonly #known: Known[] = [];
  /** The one learned last. */
  #newest: Known | null = null;
  #misses = 0;
  #patience = 1;
  #failures = 0;
  #toSkip = 0;
  /** Where in the run the rows are that were matched last. */
  row = 0;

  /** @param seed of the hash of product ids */
  constructor(rules: Rules, seed: number, isOn: boolean) {
    this.#rules = rules;
    this.#seed = seed;
    this.#max = isOn ? MAX_LAYOUTS : 0;
  }

  /** Another batch: what is in the run is not of it. */
  begin(): void {
    taken.from = 0;
    taken.to = 0;
  }

  /** Matches as many rows from `from` on as one layout fits: in the run from `row` on. */
  match(records: RecordBatch, from: number, to: number): number {
    if (this.#known.length === 0) return 0;
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return 0;
    }
    if (from >= taken.to) take(records, from, to);
    const matched = from < taken.to ? this.#matchRun(from - taken.from) : 0;
    if (matched > 0) this.#failures = 0;
    else if (++this.#failures >= FAILURES) this.#toSkip = Math.min(this.#failures, MOST_SKIPPED);
    return matched;
  }

  #matchRun(first: number): number {
    const known = this.#known;
    const rows = taken.to - taken.from;
    for (let n = 0; n < known.length; n++) {
      const layout = known[n];
      const next = layout.match(first, rows, taken.shift, this.#seed);
      if (next === first) continue;
      if (n > 0) {
        known[n] = known[n - 1];
        known[n - 1] = layout;
      }
      this.row = first;
      layout.rows += next - first;
      return next - first;
    }
    return 0;
  }

  /** A good record that no layout fitted, as `fields` has just scanned it. */
  learn(fields: Fields, start: number, end: number): void {
    if (this.#max === 0 || ++this.#misses < this.#patience) return;
    this.#misses = 0;
    const match = learn(fields, start, end, this.#rules);
    const isNew = match !== null && this.#known.every((layout) => layout.match !== match);
    const paid = isNew && (this.#newest === null || this.#newest.rows >= WORTH_ROWS);
    this.#patience = paid ? 1 : Math.min(this.#patience * 2, MOST_PATIENCE);
    if (!isNew) return;
    if (this.#known.length >= this.#max) {
      this.#known.pop();
      this.#patience = Math.max(this.#patience, PATIENCE);
    }
    this.#newest = { match, rows: 0 };
    this.#known.unshift(this.#newest);
  }
}
