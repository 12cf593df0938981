/** Commits for tests, and everything a store holds as one value to compare. */
import { SETTINGS } from '../../src/config.ts';
import { VERDICTS, type Verdict } from '../../src/event.ts';
import type { Counts, ProductResult } from '../../src/result.ts';
import type { KeptEvent, Status } from '../../src/status.ts';
import type { Commit, Fence, ResultReader } from '../../src/stores/store.ts';
import type { TestedStore } from './harness.ts';
import { LEVELS } from './zone.ts';

export const START = 1_760_000_000_000;

/** A status that is told from others by `mark`. */
export function statusOf(mark: number): Status {
  return {
    version: 1,
    partitions: [
      { name: 'p', topicId: 't', position: mark, maxTs: null, watermark: null, idle: false },
    ],
    watermark: null,
    // All of them: what is folded when is said by their age alone.
    finalBefore: Number.MAX_SAFE_INTEGER,
    comebacks: [],
    ledger: {
      received: mark,
      verdicts: Object.fromEntries(VERDICTS.map((name) => [name, 0])) as Record<Verdict, number>,
      since: { p: 0 },
      missed: 0,
    },
    settings: SETTINGS,
    publishFloor: null,
    idKey: '0'.repeat(32),
    heldElsewhere: 0,
    droppedIds: 0,
  };
}

export function commitOf(
  task: string,
  fence: Fence,
  number: number,
  content: Partial<Commit> = {},
): Commit {
  return {
    task,
    number,
    ...fence,
    status: statusOf(number),
    parts: [],
    removedParts: [],
    removals: [],
    claims: [],
    results: [],
    kept: [],
    comebacks: [],
    ...content,
  };
}

/** Counts of window `n`. */
export function countsOf(n: number, impressions: number, clicks = 0): Counts {
  return { start: START + n * SETTINGS.windowMs, impressions, clicks };
}

/** A result whose only cell is its latest window. */
export function resultIn(product: string, n: number, impressions: number): ProductResult {
  const latest = countsOf(n, impressions);
  return { product, latest, previous: null, cells: [latest] };
}

export function keptOf(offset: number, arrivalMs: number, text = 'broken'): KeptEvent {
  return {
    partition: 'p',
    offset,
    reason: 'not_json',
    message: `event ${offset} is no JSON`,
    arrivalMs,
    bytes: Buffer.from(text),
  };
}

const byName = (a: string, b: string) => (a < b ? -1 : Number(a > b));
const plain = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** Counts of a product's windows that start in [fromMs, toMs), as far as they were not folded. */
export async function windowsOf(
  store: Pick<ResultReader, 'history'>,
  product: string,
  fromMs = -Infinity,
  toMs = Infinity,
): Promise<Counts[]> {
  const [windows] = await store.history({ levels: ['window'], products: [product], fromMs, toMs });
  return windows;
}

const everything = (products: string[] | null) => ({
  levels: LEVELS,
  products,
  fromMs: -Infinity,
  toMs: Infinity,
});

/** Everything that can be read from a store, in a form that two stores share. */
export async function contentOf(
  store: TestedStore,
  tasks: readonly string[],
  products: readonly string[],
) {
  const states = [];
  for (const task of tasks) {
    const { number, status, parts } = await store.read(task);
    const named = parts.map(({ name, bytes }) => [name, plain(bytes)] as [string, string]);
    states.push({ task, number, status, parts: named.sort((a, b) => byName(a[0], b[0])) });
  }
  const history = [];
  for (const product of products)
    history.push({ product, cells: await store.history(everything([product])) });
  history.push({ product: null, cells: await store.history(everything(null)) });
  const { number, windowMs, rows } = await store.load();
  const kept = await store.rejected({ limit: Number.MAX_SAFE_INTEGER });
  return {
    states,
    history,
    change: number,
    windowMs,
    rows: rows.sort((a, b) => byName(a.product, b.product)),
    statuses: [...(await store.statuses())].sort((a, b) => byName(a[0], b[0])),
    kept: kept.map((event) => ({ ...event, bytes: plain(event.bytes) })),
    totals: await store.keptTotals(),
    comebacks: await store.comebacks(),
  };
}
