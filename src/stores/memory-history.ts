/** History in memory, by level, period and product. */
import type { Limits } from '../config.ts';
import { type Level, WINDOW } from '../history.ts';
import type { Counts } from '../result.ts';
import { due, type Ladder } from './history/levels.ts';
import type { HistoryHeld, HistoryQuery, LevelHeld } from './store.ts';

type Period = Map<string, Counts>;

/** Plain data, so that a store can be cloned. */
export type MemoryHistory = {
  levels: Map<Level, Map<number, Period>>;
  newest: number;
  /** Windows that start before have been folded. */
  foldedTo: number;
  skipped: number;
  /** Products that were forgotten. */
  forgotten: number;
};

export function emptyHistory(): MemoryHistory {
  const nothing = { newest: -Infinity, foldedTo: -Infinity, skipped: 0, forgotten: 0 };
  return { levels: new Map(), ...nothing };
}

/** Writes a cell: counts are absolute. */
export function remember(history: MemoryHistory, product: string, cell: Counts): void {
  if (cell.start < history.foldedTo) {
    history.skipped++;
    return;
  }
  history.newest = Math.max(history.newest, cell.start);
  periodOf(history, WINDOW, cell.start).set(product, { ...cell });
}

function periodOf(history: MemoryHistory, level: Level, start: number): Period {
  const periods = history.levels.get(level) ?? new Map<number, Period>();
  history.levels.set(level, periods);
  const period = periods.get(start) ?? new Map<string, Counts>();
  periods.set(start, period);
  return period;
}

/** Folds what has grown too old, or is too much; of windows those that are final. */
export function fold(
  history: MemoryHistory,
  ladder: Ladder,
  limits: Limits,
  finalBefore: number | null,
): void {
  for (;;) {
    const level = due(ladder, heldOf(history, ladder), history.newest, limits, finalBefore);
    const periods = level === null ? undefined : history.levels.get(level);
    const start = periods === undefined ? null : oldestOf(periods);
    if (level === null || periods === undefined || start === null) return;
    if (level === WINDOW) history.foldedTo = ladder.endOf(level, start);
    const parent = ladder.parent(level);
    if (parent !== null) {
      const into = periodOf(history, parent, ladder.periodOf(parent, start));
      for (const [product, counts] of periods.get(start) as Period)
        addTo(into, product, ladder.periodOf(parent, start), counts);
    }
    periods.delete(start);
  }
}

function oldestOf(periods: ReadonlyMap<number, Period>): number | null {
  let oldest: number | null = null;
  for (const start of periods.keys()) if (oldest === null || start < oldest) oldest = start;
  return oldest;
}

function addTo(into: Period, product: string, start: number, more: Counts): void {
  const before = into.get(product) ?? { start, impressions: 0, clicks: 0 };
  const impressions = before.impressions + more.impressions;
  into.set(product, { start, impressions, clicks: before.clicks + more.clicks });
}

/** The product's cells are nobody's any more; they stay in the sum of all. */
export function forget(history: MemoryHistory, product: string): void {
  // No product id: those are well formed.
  const nobody = `\ud800${history.forgotten++}`;
  for (const periods of history.levels.values())
    for (const period of periods.values()) {
      const counts = period.get(product);
      if (counts === undefined) continue;
      period.delete(product);
      period.set(nobody, counts);
    }
}

function heldOf({ levels }: MemoryHistory, ladder: Ladder): LevelHeld[] {
  return ladder.withFormer(levels.keys()).map((level) => {
    const periods = levels.get(level) ?? new Map<number, Period>();
    const cells = [...periods.values()].reduce((sum, period) => sum + period.size, 0);
    return { level, oldest: oldestOf(periods), cells };
  });
}

export function held(history: MemoryHistory, ladder: Ladder): HistoryHeld {
  return { levels: heldOf(history, ladder), skipped: history.skipped };
}

export function read(history: MemoryHistory, query: HistoryQuery): Counts[][] {
  return query.levels.map((level) => readLevel(history, level, query));
}

function readLevel({ levels }: MemoryHistory, level: Level, query: HistoryQuery): Counts[] {
  const { products, fromMs, toMs } = query;
  const found: Counts[] = [];
  const starts = [...(levels.get(level)?.keys() ?? [])].sort((a, b) => a - b);
  for (const start of starts) {
    if (start < fromMs || start >= toMs) continue;
    const sums: Period = new Map();
    const period = levels.get(level)?.get(start) as Period;
    for (const product of products === null ? period.keys() : new Set(products)) {
      const counts = period.get(product);
      if (counts !== undefined) addTo(sums, '', start, counts);
    }
    found.push(...sums.values());
  }
  return found;
}
