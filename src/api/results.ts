/**
 * The results in memory: loaded once, then changed as the store says. A gap in the numbers of
 * changes, another incarnation of the store or another window size means: load again.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { ClickrateError, messageOf, traceOf } from '../errors.ts';
import { type Log, Rarely } from '../log.ts';
import type { Change, Loaded, ResultReader, Row } from '../stores/store.ts';
import { SerialisedBody } from './bodies.ts';
import { Rows } from './rows.ts';

/** Newest changes held back while loading; where that is too few, it is simply done again. */
const WAITING_CHANGES = 10_000;

export type ResultsParts = {
  reader: ResultReader;
  /** Used until the store says with which window size it was written. */
  windowMs: number;
  limits: Limits;
  clock: Clock;
  log: Log;
};

/** Who wants to hear what happens to the rows, after it has. */
export type ResultsListener = {
  changed(change: Change): void;
  /** Everything was loaded anew: numbers before it mean nothing any more. */
  replaced(): void;
};

export class Results {
  readonly #parts: ResultsParts;
  readonly #stopped = new AbortController();
  #unfollow: () => void = () => {};
  #rows: Rows;
  #latest: SerialisedBody;
  #previous: SerialisedBody;
  #incarnation: string | null = null;
  #number = 0;
  #loading = false;
  #waiting: Change[] = [];
  /** Loaded, and no change fitted since: a store that contradicts itself is not asked in a rush. */
  #freshlyLoaded = false;
  readonly #listeners: ResultsListener[] = [];
  /** Start of the newest window published; null before the first. */
  newestStart: number | null = null;
  /** Wall clock at which a change was last seen; null before the first. */
  publishedAtMs: number | null = null;
  /** Why the results are not, or may not be, those of the store; null when they are. */
  trouble: string | null = 'results are not loaded yet';

  constructor(parts: ResultsParts) {
    this.#parts = parts;
    this.#rows = new Rows(parts.windowMs);
    this.#latest = new SerialisedBody(this.#rows, 'latest');
    this.#previous = new SerialisedBody(this.#rows, 'previous');
  }

  /**
   * Follows the store and loads. Resolves when loaded, or when the first try has failed: then it
   * goes on trying, and `trouble` says so.
   */
  async start(): Promise<void> {
    // Followed before loaded: no change can fall between the two.
    this.#unfollow = this.#parts.reader.follow((change) => this.#onChange(change));
    await new Promise<void>((resolve) => {
      this.#reload(resolve);
    });
  }

  /** Hears every change and every load from now on; who came first is told first. */
  listen(listener: ResultsListener): void {
    this.#listeners.push(listener);
  }

  /** Stops following; a load under way ends without effect. */
  stop(): void {
    this.#unfollow();
    this.#stopped.abort();
  }

  /** The rows; throws `store_unavailable` before the first load. */
  get rows(): Rows {
    this.mustBeLoaded();
    return this.#rows;
  }

  /** The body of `/ctr/latest`; throws `store_unavailable` before the first load. */
  get latest(): SerialisedBody {
    this.mustBeLoaded();
    return this.#latest;
  }

  get previous(): SerialisedBody {
    this.mustBeLoaded();
    return this.#previous;
  }

  /** Products with a result, also before the first load. */
  get size(): number {
    return this.#rows.size;
  }

  /** Incarnation of the store and number of the last change; null before the first load. */
  get place(): { incarnation: string; number: number } | null {
    const incarnation = this.#incarnation;
    return incarnation === null ? null : { incarnation, number: this.#number };
  }

  /** Throws `store_unavailable` before the first load. */
  mustBeLoaded(): void {
    if (this.#incarnation === null)
      throw new ClickrateError('store_unavailable', this.trouble ?? 'results are not loaded yet');
  }

  #onChange(change: Change): void {
    if (this.#stopped.signal.aborted) return;
    if (this.#loading) {
      this.#waiting.push(change);
      // The newest stay: the first of them shows the gap.
      if (this.#waiting.length > WAITING_CHANGES) this.#waiting.shift();
      return;
    }
    const same = change.incarnation === this.#incarnation;
    if (same && change.number <= this.#number) return;
    const next = change.number === this.#number + 1 && change.windowMs === this.#rows.windowMs;
    // The first change of a store that was empty says its window size.
    const first = this.#rows.size === 0 && change.number === this.#number + 1;
    if (same && first) this.#rows.windowMs = change.windowMs;
    if (same && (next || first)) this.#apply(change);
    else this.#reload();
  }

  #apply(change: Change): void {
    // In the order of a commit: a product may be removed, claimed and written in one.
    for (const product of change.removals) {
      const slot = this.#rows.remove(product);
      if (slot !== undefined) this.#touch(slot);
    }
    for (const row of change.rows) {
      const slot = this.#rows.set(row);
      // The name that is kept anyway: each change would keep its own as long as it may be resumed.
      row.product = this.#rows.productAt(slot) as string;
      this.#touch(slot);
      this.#see(row);
    }
    this.#number = change.number;
    this.#freshlyLoaded = false;
    this.publishedAtMs = this.#parts.clock.wallMs();
    for (const listener of this.#listeners) listener.changed(change);
  }

  #see({ latest }: Row): void {
    if (latest === null || latest.start <= (this.newestStart ?? -Infinity)) return;
    this.newestStart = latest.start;
  }

  #touch(slot: number): void {
    this.#latest.touch(slot);
    this.#previous.touch(slot);
  }

  #reload(onTried: () => void = () => {}): void {
    this.#loading = true;
    void this.#load(onTried).finally(() => {
      this.#loading = false;
      const waiting = this.#waiting;
      this.#waiting = [];
      // One of them may show a gap: then those after it wait for the next load.
      for (const change of waiting) this.#onChange(change);
      onTried();
    });
  }

  /** Tries until it has loaded; never rejects. */
  async #load(onTried: () => void): Promise<void> {
    const { reader, clock, limits, log } = this.#parts;
    const { signal } = this.#stopped;
    const rarely = new Rarely();
    let waitMs = limits.retryMinMs;
    if (this.#freshlyLoaded) await clock.sleep(waitMs, signal);
    while (!signal.aborted) {
      try {
        const loaded = await reader.load();
        if (!signal.aborted) this.#replace(loaded);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.trouble = `results cannot be loaded: ${messageOf(error)}`;
        if (rarely.isDue(this.trouble)) log.warn({ ...traceOf(error), waitMs }, this.trouble);
        onTried();
        await clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
      }
    }
  }

  #replace(loaded: Loaded): void {
    this.#rows = new Rows(loaded.windowMs ?? this.#parts.windowMs);
    this.#latest = new SerialisedBody(this.#rows, 'latest');
    this.#previous = new SerialisedBody(this.#rows, 'previous');
    this.newestStart = null;
    for (const row of loaded.rows) {
      this.#rows.set(row);
      this.#see(row);
    }
    this.#incarnation = loaded.incarnation;
    this.#number = loaded.number;
    this.#freshlyLoaded = true;
    this.trouble = null;
    for (const listener of this.#listeners) listener.replaced();
  }
}
