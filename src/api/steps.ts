/** The steps that history is told in: which periods, and which levels of a store they are from. */
import { Calendar } from '../calendar.ts';
import { ClickrateError } from '../errors.ts';
import { dayLevel, type Level, MINUTE, QUARTER, WINDOW, zoneOf } from '../history.ts';
import type { Counts } from '../result.ts';
import type { LevelHeld } from '../stores/store.ts';

export const STEPS = ['window', '1m', '15m', '1h', '1d'] as const;
export type StepName = (typeof STEPS)[number];

const HOUR_MS = 3_600_000;
const LENGTHS: Record<StepName, number> = {
  window: 0,
  '1m': 60_000,
  '15m': 900_000,
  '1h': HOUR_MS,
  '1d': 24 * HOUR_MS,
};
/** A step is made of what its level and the finer ones hold. */
const LEVELS: Record<StepName, Level[]> = {
  window: [WINDOW],
  '1m': [WINDOW, MINUTE],
  '15m': [WINDOW, MINUTE, QUARTER],
  '1h': [WINDOW, MINUTE, QUARTER],
  '1d': [WINDOW, MINUTE, QUARTER],
};

export class Step {
  readonly name: StepName;
  readonly windowMs: number;
  readonly levels: readonly Level[];
  readonly #calendar: Calendar;

  /**
   * @param zone of days and hours; throws `bad_request`
   * @param held what the store has: its days are read by the name they have there
   */
  constructor(name: StepName, windowMs: number, zone: string, held: readonly LevelHeld[] = []) {
    this.name = name;
    this.windowMs = windowMs;
    // A day has 23 to 25 hours, so its parts are hours.
    const length = Math.min(LENGTHS[name], HOUR_MS);
    if (length % windowMs !== 0)
      throw new ClickrateError(
        'bad_request',
        `windows of ${windowMs} ms do not add up to a step of ${name}`,
      );
    try {
      this.#calendar = new Calendar(zone);
    } catch {
      throw new ClickrateError('bad_request', `query parameter tz: there is no zone "${zone}"`);
    }
    this.levels = name === '1d' ? [...LEVELS[name], ...daysOf(zone, held)] : LEVELS[name];
  }

  /** The usual length of a period, in milliseconds. */
  get lengthMs(): number {
    return LENGTHS[this.name] || this.windowMs;
  }

  /** Start of the period that holds `ms`. */
  startOf(ms: number): number {
    if (this.name === '1d') return this.#calendar.dayStart(ms);
    // Hours are those of the zone, which some zones begin at 30 or 45 minutes.
    const base = this.name === '1h' ? this.#calendar.dayStart(ms) : 0;
    const { lengthMs } = this;
    return base + Math.floor((ms - base) / lengthMs) * lengthMs;
  }

  /** End of the period that starts at `start`. */
  endOf(start: number): number {
    return this.name === '1d' ? this.#calendar.nextDayStart(start) : start + this.lengthMs;
  }

  /**
   * Start of the oldest period that its levels hold; none: infinity. Periods go oldest first, so
   * only the one that holds this start may be there in part.
   */
  oldestOf(held: readonly LevelHeld[]): number {
    const own = held.filter(({ level }) => this.levels.includes(level));
    return Math.min(...own.map(({ oldest }) => oldest ?? Infinity));
  }

  /** Sums of what the levels hold, by period, oldest first. */
  sums(levels: readonly (readonly Counts[])[]): Counts[] {
    const sums = new Map<number, Counts>();
    for (const counts of levels)
      for (const { start: at, impressions, clicks } of counts) {
        const start = this.name === 'window' ? at : this.startOf(at);
        const sum = sums.get(start) ?? { start, impressions: 0, clicks: 0 };
        sum.impressions += impressions;
        sum.clicks += clicks;
        sums.set(start, sum);
      }
    return [...sums.values()].sort((a, b) => a.start - b.start);
  }
}

/**
 * The levels of a zone's days. A zone has several names (`Asia/Calcutta` is `Asia/Kolkata`), so all
 * that are held under any of them: each window is in one.
 */
function daysOf(zone: string, held: readonly LevelHeld[]): Level[] {
  const name = canonical(zone);
  const same = held.map(({ level }) => level).filter((level) => nameOf(level) === name);
  return same.length > 0 ? same : [dayLevel(zone)];
}

function nameOf(level: Level): string | null {
  const zone = zoneOf(level);
  return zone === null ? null : canonical(zone);
}

/** One name for all names of a zone; one that is not known here, as from other data, is its own. */
function canonical(zone: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return zone;
  }
}
