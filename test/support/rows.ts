/** Rows for the engine without a decoder: columns filled by hand. */
import { LIMITS, SETTINGS, type Settings } from '../../src/config.ts';
import { type EventBatch, eventBatch } from '../../src/decode/columns.ts';
import { Task } from '../../src/engine/task.ts';
import type { Sights } from '../../src/engine/watermark.ts';
import { codeOf, type RecordBatch, type Verdict } from '../../src/event.ts';
import { recordsOf } from './records.ts';

export type Row = {
  ts: number;
  product?: number;
  kind?: 0 | 1;
  id?: number;
  reject?: Verdict;
};

export function batchOf(
  rows: readonly Row[],
  offset = 0,
): { records: RecordBatch; events: EventBatch } {
  const records = recordsOf(
    rows.map((row) => JSON.stringify(row)),
    1_000,
    offset,
  );
  const events = eventBatch(Math.max(1, rows.length));
  events.to = rows.length;
  rows.forEach((row, i) => {
    events.time[i] = row.ts;
    events.product[i] = row.product ?? 0;
    events.kind[i] = row.kind ?? 0;
    events.reject[i] = row.reject === undefined ? 0 : codeOf(row.reject);
    events.hasId[i] = row.id === undefined ? 0 : 1;
    events.id.set([row.id ?? 0, 1, 2, 3], 4 * i);
  });
  return { records, events };
}

export const names = { name: (product: number) => `p${product}` };

/** Nobody is idle. */
export const awake: Sights = {
  partitions: [
    { idle: false, passed: false },
    { idle: false, passed: false },
  ],
  silenceMs: 0,
};

/** A task of one or two partitions with its products admitted and its claims granted. */
export class Bench {
  task: Task;
  readonly settings: Settings;
  readonly limits: typeof LIMITS;
  readonly #seen = new Set<number>();
  readonly places: { name: string; topicId: string }[];
  offset = 0;

  constructor(
    settings: Partial<Settings> = {},
    partitions = 1,
    limits: Partial<typeof LIMITS> = {},
  ) {
    this.settings = { ...SETTINGS, ...settings };
    this.limits = { ...LIMITS, ...limits };
    this.places = Array.from({ length: partitions }, (_, p) => ({ name: `t-${p}`, topicId: 'x' }));
    this.task = this.fresh();
  }

  fresh(): Task {
    return new Task(this.settings, this.limits, this.places, '0'.repeat(32));
  }

  /** Applies all rows, however often the task stops; returns their verdict codes. */
  apply(rows: readonly Row[], p = 0): number[] {
    const { records, events } = batchOf(rows, this.offset);
    this.offset += rows.length;
    let from = 0;
    while (from < rows.length) from = this.task.apply(p, records, events, from).next;
    for (const row of rows) {
      const product = row.product ?? 0;
      if (row.reject !== undefined || this.#seen.has(product)) continue;
      this.#seen.add(product);
      this.task.admit([product]);
    }
    return [...events.verdict.subarray(0, rows.length)];
  }

  /** Advances (nobody idle) and commits until nothing waits; returns all results. */
  settle(sights: Sights = awake, limit = 1_000) {
    this.task.advance(sights);
    const all = [];
    do {
      const collected = this.task.collect(names, limit);
      this.task.answer(collected.claims, new Set());
      for (const product of collected.expired) this.#seen.delete(product);
      all.push(collected);
    } while (this.task.due() === 'now');
    return all;
  }
}
