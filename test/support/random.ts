/** Seeded random numbers for tests: the same seed gives the same run on every machine. */

export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** A fraction in [0, 1) with 32 random bits (the mixing steps of "mulberry32"). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [from, to], both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** A new order of the items; the original stays. */
  shuffle<T>(items: readonly T[]): T[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
    }
    return copy;
  }

  /** An own stream of numbers, so that drawing more here does not change what is drawn there. */
  fork(): Random {
    return new Random(Math.floor(this.fraction() * 4_294_967_296));
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.int(0, 15).toString(16);
    return text;
  }
}

/** How many of so many random runs are made: `npm run check` takes a part of them. */
export function shareOf(runs: number): number {
  return Math.ceil(runs * Number(process.env.CLICKRATE_RUN_SHARE || 1));
}

/**
 * First seed and number of runs: `CLICKRATE_SEED` and `CLICKRATE_RUNS`, or the share
 * of the given defaults.
 */
export function runsFromEnv(defaults: { seed: number; runs: number }): {
  seed: number;
  runs: number;
} {
  const read = (name: string, otherwise: number): number => {
    const text = process.env[name];
    if (text === undefined || text === '') return otherwise;
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 0)
      throw new Error(`${name} must be a whole number, not ${text}`);
    return value;
  };
  const seed = read('CLICKRATE_SEED', defaults.seed);
  // A seed alone replays that one run.
  const alone = process.env.CLICKRATE_SEED ? 1 : shareOf(defaults.runs);
  return { seed, runs: read('CLICKRATE_RUNS', alone) };
}
