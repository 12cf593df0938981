/** Everything the page knows, kept by the events of the stream; views listen and draw. */
import type { ServerEvent } from './events.ts';
import type { LinkState } from './link.ts';
import type { Change, Freshness, Open, PipelineStatus, Row, Snapshot } from './types.ts';

/** Events a second, so many of them are kept for the little chart of the pipeline page. */
const RATES = 120;
/** A hidden page is told of changes this often. */
const HIDDEN_MS = 1_000;

export class Model {
  link: LinkState = { phase: 'connecting' };
  /** How often the stream has begun. */
  connections = 0;
  /** Until the stream has told what was missed: those changes say how old they were back then. */
  isCatchingUp = false;
  /** Null until the first snapshot. */
  rows: Map<string, Row> | null = null;
  windowMs = 10_000;
  freshness: Freshness | null = null;
  /** When this browser first saw the newest window: its age is at least the time since. */
  #newestSeenAtMs = 0;
  /** When `freshness` came, on the clock of this browser. */
  freshAtMs = 0;
  /** Last time anything came, on the clock of this browser. */
  seenAtMs: number | null = null;
  open: Open | null = null;
  status: PipelineStatus | null = null;
  /** When `status` came, on the clock of this browser. */
  statusAtMs = 0;
  /** The newest last; null: not told, as before the first and while there was no connection. */
  readonly rates: (number | null)[] = Array(RATES).fill(null);
  /** Goes up with each change of the rows. */
  version = 0;
  /** Goes up when a product has a new window: a late revision is none. */
  windowsVersion = 0;
  /** Goes up when products come or go. */
  productsVersion = 0;
  readonly #listeners = new Set<() => void>();
  #scheduled = false;

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setLink(state: LinkState): void {
    if (state.phase === 'live' && this.link.phase === 'live') return;
    this.link = state;
    this.isCatchingUp = true;
    if (state.phase === 'live') {
      this.connections++;
      this.#rate(null);
    }
    this.#changed();
  }

  take(event: ServerEvent): void {
    this.seenAtMs = Date.now();
    if (event.name === 'snapshot' || event.name === 'reset') this.#snapshot(parsed(event));
    else if (event.name === 'change') this.#change(parsed(event));
    else if (event.name === 'open') this.open = parsed(event);
    else if (event.name === 'status') this.#status(parsed(event));
    this.#changed();
  }

  /**
   * How old the newest result is now, in milliseconds; null where nothing was published. A server
   * that has just begun does not know it: then it is at least the time this page has seen it for.
   */
  ageMs(nowMs: number): number | null {
    if (this.freshness === null || this.freshness.window_start === null) return null;
    const { age_ms: age } = this.freshness;
    if (age === null) return Math.max(0, nowMs - this.#newestSeenAtMs);
    return age + Math.max(0, nowMs - this.freshAtMs);
  }

  /** Whether `ageMs` is exact, or only a lower bound. */
  get isAgeKnown(): boolean {
    return this.freshness?.age_ms !== null;
  }

  isStale(nowMs: number): boolean {
    const age = this.ageMs(nowMs);
    return this.link.phase === 'lost' || (age !== null && age > 2 * this.windowMs);
  }

  #snapshot(snapshot: Snapshot): void {
    this.rows = new Map(snapshot.rows.map((row) => [row.product_id, row]));
    this.windowMs = snapshot.window_ms;
    this.version++;
    this.productsVersion++;
    this.#fresh(snapshot.freshness);
  }

  #change({ rows, removed, freshness }: Change): void {
    const known = this.rows ?? new Map<string, Row>();
    this.rows = known;
    const before = known.size;
    for (const product of removed) known.delete(product);
    const kept = known.size;
    let isNew = false;
    for (const row of rows) {
      const was = known.get(row.product_id)?.latest?.window_start;
      isNew ||= was !== row.latest?.window_start;
      known.set(row.product_id, row);
    }
    if (isNew) this.windowsVersion++;
    if (known.size !== kept || kept !== before) this.productsVersion++;
    this.version++;
    if (!this.isCatchingUp) this.#fresh(freshness);
  }

  #status(status: PipelineStatus): void {
    this.status = status;
    this.statusAtMs = Date.now();
    this.#rate(status.events_per_second);
    this.#fresh(status.freshness);
  }

  #rate(perSecond: number | null): void {
    this.rates.push(perSecond);
    this.rates.shift();
  }

  #fresh(freshness: Freshness): void {
    const nowMs = Date.now();
    if (this.freshness?.window_start !== freshness.window_start) this.#newestSeenAtMs = nowMs;
    this.freshness = freshness;
    this.freshAtMs = nowMs;
    this.isCatchingUp = false;
  }

  /** The page was hidden: a frame that was asked for before would not come until it is shown. */
  hidden(): void {
    if (this.#scheduled) setTimeout(() => this.#tell(), HIDDEN_MS);
  }

  /** Tells the views at most once a frame, also while the page is hidden. */
  #changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.#tell(), HIDDEN_MS);
    else requestAnimationFrame(() => this.#tell());
  }

  /** The frame may come after the timer that stood in for it. */
  #tell(): void {
    if (!this.#scheduled) return;
    this.#scheduled = false;
    for (const listener of [...this.#listeners]) listener();
  }
}

function parsed<T>(event: ServerEvent): T {
  return JSON.parse(event.data) as T;
}
