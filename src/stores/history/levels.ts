/**
 * How history grows old. A period is folded into one of the next level: added to it and taken away
 * from where it was, at once. So nothing is doubled, whatever is sent again, and the sum over all
 * levels is what was counted. A revision changes its window where it is; folded ones take none, so
 * a window is folded only once it is final.
 */
import { Calendar, QUARTER_MS } from '../../calendar.ts';
import { type Limits, SETTINGS } from '../../config.ts';
import { dayLevel, type Level, MINUTE, QUARTER, WINDOW, zoneOf } from '../../history.ts';
import { windowStart } from '../../result.ts';
import type { LevelHeld } from '../store.ts';

const MINUTE_MS = 60_000;

/** The levels of a store: which there are for this length of windows, and what folds into what. */
export class Ladder {
  /** Finest first. */
  readonly levels: readonly Level[];
  /** How long after its start a window may still be revised. */
  readonly revisedMs: number;
  readonly #windowMs: number;
  readonly #calendar: Calendar;

  /** @param zone of the days; throws `config_invalid` */
  constructor(windowMs: number, zone: string, latenessMs: number = SETTINGS.allowedLatenessMs) {
    this.#windowMs = windowMs;
    this.revisedMs = windowMs + latenessMs;
    this.#calendar = new Calendar(zone);
    // A period must be made of whole windows. Days begin with a quarter of an hour.
    const isPart = (ms: number) => ms > windowMs && ms % windowMs === 0;
    this.levels = [
      WINDOW,
      ...(isPart(MINUTE_MS) ? [MINUTE] : []),
      ...(isPart(QUARTER_MS) ? [QUARTER] : []),
      ...(QUARTER_MS % windowMs === 0 ? [dayLevel(zone)] : []),
    ];
  }

  /** These and what else a store holds: of former windows, and days of former zones. */
  withFormer(held: Iterable<Level>): Level[] {
    const all = new Set([...this.levels, ...[...held].sort()]);
    const days = [...all].filter((level) => zoneOf(level) !== null);
    return [...[WINDOW, MINUTE, QUARTER].filter((level) => all.has(level)), ...days];
  }

  /** The level that periods of `level` are folded into; null: they are dropped. */
  parent(level: Level): Level | null {
    const at = this.levels.indexOf(level);
    if (at >= 0) return this.levels[at + 1] ?? null;
    // Of windows of another size, from before: a minute is part of a quarter whatever they are now.
    if (level === MINUTE) return QUARTER;
    return level === QUARTER ? dayLevel(this.#calendar.zone) : null;
  }

  /** Start of the period of `level` that holds `ms`. */
  periodOf(level: Level, ms: number): number {
    if (level === MINUTE) return windowStart(ms, MINUTE_MS);
    if (level === QUARTER) return windowStart(ms, QUARTER_MS);
    if (zoneOf(level) !== null) return this.#calendar.dayStart(ms);
    return windowStart(ms, this.#windowMs);
  }

  /** End of the period of `level` that starts at `start`. */
  endOf(level: Level, start: number): number {
    if (level === MINUTE) return start + MINUTE_MS;
    if (level === QUARTER) return start + QUARTER_MS;
    if (zoneOf(level) !== null) return this.#calendar.nextDayStart(start);
    return start + this.#windowMs;
  }
}

const ladders = new Map<string, Ladder>();

/** The ladder of a store; without a window yet, as if it had the usual ones. */
export function ladderOf(windowMs: number | null, zone: string, latenessMs?: number): Ladder {
  const key = `${windowMs} ${latenessMs} ${zone}`;
  const found = ladders.get(key) ?? new Ladder(windowMs ?? SETTINGS.windowMs, zone, latenessMs);
  ladders.set(key, found);
  return found;
}

/** How long a level keeps its periods: while there is room, and when there is not. */
type Keeping = { keepMs: number; atLeastMs: number };

/**
 * Days of a zone that is no longer the store's are kept as those that are. Windows stay for as long
 * as they may be revised: a folded one takes no revision.
 */
function keepingOf(level: Level, ladder: Ladder, limits: Limits): Keeping {
  const { historyKeep, historyKeepAtLeast } = limits;
  if (zoneOf(level) !== null) return { keepMs: Infinity, atLeastMs: 0 };
  if (level === MINUTE)
    return { keepMs: historyKeep.minutesMs, atLeastMs: historyKeepAtLeast.minutesMs };
  if (level === QUARTER)
    return { keepMs: historyKeep.quartersMs, atLeastMs: historyKeepAtLeast.quartersMs };
  // Windows that cannot be folded stay as long as quarters would.
  const isLast = ladder.parent(level) === null;
  const keepMs = isLast ? historyKeep.quartersMs : historyKeep.windowsMs;
  const { revisedMs } = ladder;
  return {
    keepMs: Math.max(keepMs, revisedMs),
    atLeastMs: Math.max(historyKeepAtLeast.windowsMs, revisedMs),
  };
}

/** Windows that are not final may take the history so far over its number of cells. */
const MOST_OVER = 1.25;

/**
 * The level whose oldest period must be folded (or dropped) now; null: none. By age each level
 * gives way on its own; by number of cells the finest goes first.
 * @param held finest first
 * @param newest start of the newest window
 * @param finalBefore windows that start before take no more counts; null: any may take some
 */
export function due(
  ladder: Ladder,
  held: readonly LevelHeld[],
  newest: number,
  limits: Limits,
  finalBefore: number | null,
): Level | null {
  const cells = held.reduce((sum, level) => sum + level.cells, 0);
  const isFull = cells > limits.historyCells;
  const isFarOver = cells > limits.historyCells * MOST_OVER;
  let isWaiting = false;
  let oldDays: { level: Level; oldest: number } | null = null;
  for (const { level, oldest } of held) {
    if (oldest === null) continue;
    const { keepMs, atLeastMs } = keepingOf(level, ladder, limits);
    const age = newest - oldest;
    // Nothing coarser is folded or dropped for what windows will give way to in a moment.
    if (age <= keepMs && (!isFull || isWaiting || age <= atLeastMs)) continue;
    if (level === WINDOW && !isFarOver && oldest >= (finalBefore ?? -Infinity)) isWaiting = true;
    else if (zoneOf(level) === null) return level;
    else if (oldDays === null || oldest < oldDays.oldest) oldDays = { level, oldest };
  }
  return oldDays?.level ?? null;
}
