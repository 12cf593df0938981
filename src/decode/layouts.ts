/** The layouts of a stream: those met last, the likeliest first. */
import type { RecordBatch } from '../event.ts';
import type { Match, Rules } from './compile.ts';
import type { Fields } from './fields.ts';
import { learn } from './layout.ts';
import { take } from './run.ts';

/** Layouts remembered: producers in a stream are few; the others are scanned. */
const MAX_LAYOUTS = 4;
/** After this many scanned records in a row the oldest layout gives way to a new one. */
const PATIENCE = 64;

export class Layouts {
  readonly #rules: Rules;
  readonly #seed: number;
  readonly #max: number;
  readonly #matches: Match[] = [];
  #misses = 0;

  /** @param seed of the hash of product ids */
  constructor(rules: Rules, seed: number, isOn: boolean) {
    this.#rules = rules;
    this.#seed = seed;
    this.#max = isOn ? MAX_LAYOUTS : 0;
  }

  /** Matches as many rows from `from` on as one layout fits; they are then in `run`. */
  match(records: RecordBatch, from: number, to: number): number {
    const matches = this.#matches;
    if (matches.length === 0) return 0;
    const { rows, shift } = take(records, from, to);
    if (rows === 0) return 0;
    for (let n = 0; n < matches.length; n++) {
      const match = matches[n];
      const matched = match(rows, shift, this.#seed);
      if (matched === 0) continue;
      if (n > 0) {
        matches[n] = matches[n - 1];
        matches[n - 1] = match;
      }
      this.#misses = 0;
      return matched;
    }
    return 0;
  }

  /** A good record that no layout fitted, as `fields` has just scanned it. */
  learn(fields: Fields, start: number, end: number): void {
    if (this.#max === 0) return;
    this.#misses++;
    const isFull = this.#matches.length >= this.#max;
    if (isFull && this.#misses < PATIENCE) return;
    const match = learn(fields, start, end, this.#rules);
    if (match === null || this.#matches.includes(match)) return;
    if (isFull) this.#matches.pop();
    this.#matches.unshift(match);
    this.#misses = 0;
  }
}
