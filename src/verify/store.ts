/** A store held against a recount of the log that was counted into it. */
import { ClickrateError } from '../errors.ts';
import { WINDOW } from '../history.ts';
import type { Counts } from '../result.ts';
import { JOURNAL_PARTITION } from '../sqlite.ts';
import type { Comeback, Status } from '../status.ts';
import { type Difference, differences } from './compare.ts';
import { type Answer, type Log, oracle } from './oracle.ts';
import { exactCtr, type Outcome, type Window, windowKey } from './outcome.ts';

/** What is read of a store, all as of one commit. */
export type StoreView = {
  statuses: ReadonlyMap<string, Status>;
  rows: readonly { product: string; latest: Counts | null; previous: Counts | null }[];
  /** Comebacks that no longer fit a status. */
  comebacks: readonly (Comeback & { task: string })[];
  /** Start of the oldest window in history by window; null: there is none. */
  oldest: number | null;
  /**
   * The `newest` windows of each product of history, oldest first: of all that it has, or, where a
   * store cannot list them, of `products`.
   */
  histories(products: ReadonlySet<string>, newest: number): AsyncIterable<ProductWindows>;
};

type ProductWindows = { product: string; windows: readonly Counts[] };

/** `begin`: the first offset that is still there, or would be: no record need lie at it. */
export type CountedLog = Log & { begin: number };

export type Recount = { expected: Outcome; found: Outcome; differences: Difference[] };

/** Every record that each task counted, as its positions say. Throws `source_gap`. */
export async function recount(view: StoreView, logs: readonly CountedLog[]): Promise<Recount> {
  const truth = { ledger: new Map<string, number>(), history: newOutcome(), results: newOutcome() };
  for (const [task, status] of view.statuses) {
    const mine = status.partitions.map((at) => logOf(logs, at, status));
    const comebacks = view.comebacks.filter((one) => one.task === task);
    const numbers = { ...status.settings, publishFloor: status.publishFloor };
    const answer = oracle(mine, [...comebacks, ...status.comebacks], numbers);
    addTo(truth.ledger, 'received', answer.received);
    for (const [verdict, events] of answer.totals) addTo(truth.ledger, verdict, events);
    publishedOf(answer, status, view.oldest, truth);
  }
  const history = await historyOf(view, truth);
  const results = resultsOf(view);
  const ledger = ledgerOf(view);
  return {
    expected: { ...truth.history, ledger: truth.ledger },
    found: { ...history, ledger },
    differences: [
      ...differences({ ...truth.history, ledger: truth.ledger }, { ...history, ledger }),
      ...differences(truth.results, results),
    ],
  };
}

/**
 * Where the log is gone the store is held against itself: its ledger against how far the journal
 * was read, latest and previous against history. Each product of history that has not expired has
 * them. `missingFrom` tells how many records from an offset on are in holes of the journal.
 */
export async function selfCheck(
  view: StoreView,
  missingFrom: (offset: number) => number = () => 0,
): Promise<Recount> {
  const results = resultsOf(view);
  const expected = newOutcome();
  const oldest = view.oldest ?? Infinity;
  const statuses = [...view.statuses.values()];
  const shown = new Set(view.rows.map(({ product }) => product));
  for await (const { product, windows } of view.histories(shown, 2))
    if (shown.has(product) || !statuses.some((status) => hasExpired(windows.at(-1), status)))
      for (const cell of windows) put(expected, product, cell);
  for (const [key, { startMs }] of results.windows)
    if (startMs < oldest) results.windows.delete(key);
  for (const status of statuses) addTo(expected.ledger, 'received', readBy(status, missingFrom));
  const found = { ...results, ledger: ledgerOf(view) };
  const verdicts = [...found.ledger].filter(([name]) => name !== 'received');
  const sum = verdicts.reduce((total, [, events]) => total + events, 0);
  // The verdicts themselves cannot be known, but their sum is.
  expected.ledger.set('sum of verdicts', expected.ledger.get('received') ?? 0);
  found.ledger = new Map([
    ['received', found.ledger.get('received') ?? 0],
    ['sum of verdicts', sum],
  ]);
  return { expected, found, differences: differences(expected, found) };
}

/** Events received, by how far the task has read; where that tells nothing, by its ledger. */
function readBy({ partitions, ledger }: Status, missingFrom: (offset: number) => number): number {
  // Only the journal's offsets count records: those of files count bytes, Kafka leaves gaps.
  if (partitions.some(({ name }) => name !== JOURNAL_PARTITION)) return ledger.received;
  // Holes that a repair dug are missed at once, also those that the task has not come to.
  const read = partitions.map(
    ({ name, position }) => position - (ledger.since[name] ?? 0) + missingFrom(position),
  );
  return read.reduce((a, b) => a + b, 0) - ledger.missed;
}

function newOutcome(engine = 'oracle'): Outcome {
  return { engine, ledger: new Map(), windows: new Map(), kept: new Map() };
}

function addTo(ledger: Map<string, number>, name: string, events: number): void {
  ledger.set(name, (ledger.get(name) ?? 0) + events);
}

function logOf(logs: readonly CountedLog[], at: Status['partitions'][number], status: Status): Log {
  const since = status.ledger.since[at.name] ?? 0;
  const log = logs.find(({ partition }) => partition === at.name);
  const begin = log?.begin ?? at.position;
  if (at.position > since && begin > since)
    throw new ClickrateError(
      'source_gap',
      `${at.name} begins at offset ${begin}, but the ledger counts from ${since}: ` +
        'it cannot be recounted',
    );
  const records = (log?.records ?? []).filter(
    ({ offset }) => offset >= since && offset < at.position,
  );
  return { partition: at.name, records };
}

/** Windows that have fired, in history and as latest and previous. */
function publishedOf(
  answer: Answer,
  status: Status,
  oldest: number | null,
  truth: { history: Outcome; results: Outcome },
): void {
  const { watermark, settings, publishFloor } = status;
  if (watermark === null) return;
  for (const [product, cells] of answer.cells) {
    const fired = [...cells.values()]
      .filter(({ start }) => start + settings.windowMs - 1 <= watermark)
      .filter(({ start }) => start > (publishFloor ?? -Infinity))
      .sort((a, b) => b.start - a.start);
    for (const cell of fired)
      if (oldest !== null && cell.start >= oldest) put(truth.history, product, cell);
    if (!hasExpired(fired[0], status))
      for (const cell of fired.slice(0, 2)) put(truth.results, product, cell);
  }
}

/** Whether a product whose newest window this is has left latest and previous. */
function hasExpired(newest: Counts | undefined, { watermark, settings }: Status): boolean {
  const { windowMs, expiryMs } = settings;
  return watermark !== null && (newest?.start ?? 0) + windowMs + expiryMs <= watermark;
}

function put({ windows }: Outcome, product: string, cell: Counts): void {
  const { start, impressions, clicks } = cell;
  const ctr = exactCtr(impressions, clicks);
  const window: Window = { product, startMs: start, impressions, clicks, ctr };
  windows.set(windowKey(product, start), window);
}

/** Of every product that has windows, or should have. */
async function historyOf(
  view: StoreView,
  truth: { history: Outcome; results: Outcome },
): Promise<Outcome> {
  const found = newOutcome(`history (${WINDOW})`);
  const products = new Set(view.rows.map(({ product }) => product));
  for (const { windows } of [truth.history, truth.results])
    for (const { product } of windows.values()) products.add(product);
  for await (const { product, windows } of view.histories(products, Infinity))
    for (const cell of windows) put(found, product, cell);
  return found;
}

function resultsOf({ rows }: StoreView): Outcome {
  const found = newOutcome('latest, previous');
  for (const { product, latest, previous } of rows)
    for (const cell of [latest, previous]) if (cell !== null) put(found, product, cell);
  return found;
}

function ledgerOf({ statuses }: StoreView): Outcome['ledger'] {
  const found = new Map<string, number>();
  for (const { ledger } of statuses.values()) {
    addTo(found, 'received', ledger.received);
    for (const [verdict, events] of Object.entries(ledger.verdicts))
      if (events > 0) addTo(found, verdict, events);
  }
  return found;
}
