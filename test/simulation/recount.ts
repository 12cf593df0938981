/** Counts a task's logs again, the oracle's way, as far as a commit says that it has read them. */
import type { Settings } from '../../src/config.ts';
import { type Cell, decode, type Event, type Judged, LogWalk } from '../../src/verify/oracle.ts';
import type { SimLog } from '../support/sim-source.ts';

export type Read = SimLog & { events: (Event | string)[] };

/** The logs with what each record carries, looked at once for all the recounts of a run. */
export function readLogs(logs: readonly SimLog[], settings: Settings): Read[] {
  const numbers = { ...settings, publishFloor: null };
  return logs.map((log) => ({
    ...log,
    events: log.records.map((record) => decode(record, numbers)),
  }));
}

export class Recount {
  readonly #settings: Settings;
  readonly #logs: readonly Read[];
  readonly #walks: LogWalk[];
  /** Index of the next record, by log. */
  readonly #next: number[];
  readonly complaints: string[] = [];
  readonly cells = new Map<string, Map<number, Cell>>();
  readonly totals = new Map<string, number>();
  /** Every judged record, by log, and where it stands there. */
  readonly judged: Judged[][];
  readonly indexes: number[][];

  /** Begins at these offsets. */
  constructor(logs: readonly Read[], settings: Settings, since: readonly number[]) {
    this.#settings = settings;
    this.#logs = logs;
    const numbers = { ...settings, publishFloor: null };
    this.#walks = logs.map(
      (log) => new LogWalk(log.partition, numbers, this.cells, this.complaints),
    );
    this.#next = logs.map((log, p) => indexOf(log, since[p]!));
    this.judged = logs.map(() => []);
    this.indexes = logs.map(() => []);
  }

  /** Passes over the records before `offset`: they were gone. */
  skip(p: number, offset: number): void {
    this.#next[p] = Math.max(this.#next[p]!, indexOf(this.#logs[p]!, offset));
  }

  /** Judges on up to `position`. */
  advance(p: number, position: number, jumps: Map<number, number>): void {
    const log = this.#logs[p]!;
    for (let at = this.#next[p]!; at < log.records.length; at++) {
      const { offset } = log.records[at]!;
      if (offset >= position) break;
      const judged = this.#walks[p]!.next(offset, log.events[at]!, jumps);
      this.judged[p]!.push(judged);
      this.indexes[p]!.push(at);
      this.totals.set(judged.verdict, (this.totals.get(judged.verdict) ?? 0) + 1);
      this.#next[p] = at + 1;
    }
  }

  /** Time of topic partition `p`. */
  time(p: number): { watermark: number; maxTs: number } {
    return this.#walks[p]!;
  }

  /** Events of log `p` before `offset` that no window above `floor` may have lost. */
  missing(p: number, from: number, to: number, floor: number): string | null {
    const { records, events, partition } = this.#logs[p]!;
    for (let at = indexOf(this.#logs[p]!, from); at < records.length; at++) {
      const event = events[at]!;
      if (records[at]!.offset >= to) break;
      if (typeof event === 'string') continue;
      if (Math.floor(event.ts / this.#settings.windowMs) * this.#settings.windowMs > floor)
        return `${partition} ${records[at]!.offset}`;
    }
    return null;
  }
}

/** Index of the first record at or after `offset`. */
function indexOf({ records }: Read, offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.offset >= offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
