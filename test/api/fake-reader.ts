/** A store's reading side that a test changes by hand, and the parts of an API around it. */

import { pino } from 'pino';
import type { ApiParts } from '../../src/api/handed.ts';
import { systemClock } from '../../src/clock.ts';
import { LIMITS, SETTINGS } from '../../src/config.ts';
import { type RecordSlices, type Unusable, VERDICTS } from '../../src/event.ts';
import type { Counts } from '../../src/result.ts';
import type { Ledger, Status, TaskHealth } from '../../src/status.ts';
import type {
  Change,
  HistoryHeld,
  HistoryQuery,
  KeptTotals,
  Loaded,
  RejectedQuery,
  ResultReader,
  Row,
  StoredEvent,
} from '../../src/stores/store.ts';

export const WINDOW_MS = SETTINGS.windowMs;
export const START = 1_760_000_000_000;

export const counts = (start: number, impressions: number, clicks: number): Counts => ({
  start,
  impressions,
  clicks,
});

export const row = (
  product: string,
  latest: Counts | null,
  previous: Counts | null = null,
): Row => ({
  product,
  latest,
  previous,
});

/** A kept event whose bytes are `text`. */
export function keptEvent(id: number, text: string): StoredEvent {
  return {
    id,
    task: '0',
    partition: 'events-0',
    offset: id * 10,
    reason: 'not_json',
    message: 'not JSON',
    arrivalMs: START,
    bytes: Buffer.from(text),
  };
}

export class FakeReader implements ResultReader {
  readonly rows = new Map<string, Row>();
  readonly histories = new Map<string, Counts[]>();
  readonly kept: StoredEvent[] = [];
  readonly statusMap = new Map<string, Status>();
  incarnation = 'one';
  number = 0;
  windowMs: number | null = null;
  pruned = 0;
  loads = 0;
  looks = 0;
  /** Thrown by every read while set. */
  failure: Error | null = null;
  /** Called while a load is under way, after its rows are taken. */
  duringLoad: (() => void) | null = null;
  readonly #listeners = new Set<(change: Change) => void>();

  get followers(): number {
    return this.#listeners.size;
  }

  /** A commit: rows change and everybody is told. */
  publish(rows: Row[], removals: string[] = [], windowMs = WINDOW_MS): void {
    this.#store(rows, removals, windowMs);
    this.tell(this.change(rows, removals));
  }

  /** A commit whose change is lost on the way. */
  publishUnheard(rows: Row[], removals: string[] = []): void {
    this.#store(rows, removals, WINDOW_MS);
  }

  change(rows: Row[], removals: string[] = []): Change {
    const { incarnation, number } = this;
    return { incarnation, number, windowMs: this.windowMs ?? WINDOW_MS, rows, removals };
  }

  tell(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  #store(rows: Row[], removals: string[], windowMs: number): void {
    this.number++;
    this.windowMs = windowMs;
    for (const product of removals) this.rows.delete(product);
    for (const changed of rows) this.rows.set(changed.product, changed);
  }

  async load(): Promise<Loaded> {
    this.loads++;
    this.#fail();
    const { incarnation, number, windowMs } = this;
    const loaded = { incarnation, number, windowMs, rows: [...this.rows.values()] };
    await Promise.resolve();
    const during = this.duringLoad;
    this.duringLoad = null;
    during?.();
    await Promise.resolve();
    return loaded;
  }

  follow(onChange: (change: Change) => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  async history({ levels, products, fromMs, toMs }: HistoryQuery): Promise<Counts[][]> {
    this.#fail();
    return levels.map((level) => {
      const all = products ?? [...this.histories.keys()];
      const found = level === 'window' ? all.flatMap((name) => this.histories.get(name) ?? []) : [];
      return found.filter(({ start }) => start >= fromMs && start < toMs);
    });
  }

  async historyHeld(): Promise<HistoryHeld> {
    this.#fail();
    const starts = [...this.histories.values()].flat().map(({ start }) => start);
    const oldest = starts.length === 0 ? null : Math.min(...starts);
    const days = { level: '1d UTC', oldest: null, cells: 0 };
    return { levels: [{ level: 'window', oldest, cells: starts.length }, days], skipped: 0 };
  }

  async statuses(): Promise<Map<string, Status>> {
    this.looks++;
    this.#fail();
    return new Map(this.statusMap);
  }

  async rejected(query: RejectedQuery): Promise<StoredEvent[]> {
    this.#fail();
    const { reason, before, fromMs = -Infinity, toMs = Infinity } = query;
    const wanted = this.kept
      .filter((event) => reason === undefined || event.reason === reason)
      .filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < toMs)
      .filter(({ id }) => before === undefined || id < before)
      .sort((a, b) => b.id - a.id)
      .slice(0, query.limit);
    let bytes = 0;
    const last = wanted.findIndex((event) => {
      bytes += event.bytes.length;
      return bytes >= (query.maxBytes ?? Infinity);
    });
    return last === -1 ? wanted : wanted.slice(0, last + 1);
  }

  async keptTotals(): Promise<KeptTotals> {
    this.#fail();
    const bytes = this.kept.reduce((sum, event) => sum + event.bytes.length, 0);
    return { events: this.kept.length, bytes, pruned: this.pruned };
  }

  #fail(): void {
    if (this.failure !== null) throw this.failure;
  }
}

export function ledgerOf(verdicts: Partial<Ledger['verdicts']>, received: number): Ledger {
  const all = Object.fromEntries(VERDICTS.map((verdict) => [verdict, verdicts[verdict] ?? 0]));
  const since = { 'events-0': 0 };
  return { received, verdicts: all as Ledger['verdicts'], since, missed: 0 };
}

export function statusOf(ledger: Ledger): Status {
  return {
    version: 1,
    partitions: [
      {
        name: 'events-0',
        topicId: 'a',
        position: ledger.received,
        maxTs: START,
        watermark: START - 3_000,
        idle: false,
      },
    ],
    watermark: START - 3_000,
    finalBefore: START - 20_000,
    comebacks: [],
    ledger,
    settings: SETTINGS,
    publishFloor: null,
    idKey: '0'.repeat(32),
    heldElsewhere: 0,
    droppedIds: 0,
  };
}

export function healthOf(overrides: Partial<TaskHealth> = {}): TaskHealth {
  return {
    task: '0',
    ready: true,
    reasons: [],
    state: 'running',
    live: statusOf(ledgerOf({ counted: 5, duplicate: 1 }, 6)),
    commitAgeMs: 250,
    commitMs: 4,
    commitBytes: 1_000,
    commits: 3,
    fenced: 0,
    retries: 2,
    ...overrides,
  };
}

/** Each record's text, as a source would hand it on. */
export function textsOf({ bytes, count, starts, ends }: RecordSlices): string[] {
  const texts: string[] = [];
  for (let i = 0; i < count; i++)
    texts.push(Buffer.from(bytes.subarray(starts[i], ends[i])).toString());
  return texts;
}

/** A judge that knows four of the reasons; the real one is tested where it is. */
function judge(records: RecordSlices): Unusable[] {
  const found: Unusable[] = [];
  for (const [index, text] of textsOf(records).entries()) {
    const add = (reason: Unusable['reason']) =>
      found.push({ index, reason, message: `item ${index} is ${reason}` });
    if (text.length > SETTINGS.maxEventBytes) {
      add('too_large');
      continue;
    }
    try {
      const value = JSON.parse(text);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) add('not_object');
      else if (value.product_id === undefined) add('missing_product_id');
    } catch {
      add('not_json');
    }
  }
  return found;
}

/** Parts with a journal that is a list; `overrides` win. */
export function partsWith(reader: ResultReader, overrides: Partial<ApiParts> = {}) {
  const pushed: string[][] = [];
  const parts: ApiParts = {
    reader,
    settings: SETTINGS,
    limits: LIMITS,
    clock: systemClock,
    judge,
    push: async (records) => {
      pushed.push(textsOf(records));
      return { offset: 0, arrivalMs: START };
    },
    health: () => [healthOf()],
    log: pino({ level: 'silent' }),
    version: '1.2.3',
    ...overrides,
  };
  return { parts, pushed };
}
