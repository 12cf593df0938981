/** Names of all metrics and how they are made. No label ever holds a product. */
import { Counter, Gauge, Registry } from '@prometheus-io/client';
import type { TaskHealth } from './status.ts';

export const METRIC_PREFIX = 'clickrate_';

/** Every metric that is filled when somebody looks: kind, help, labels. */
const SCRAPED = {
  events_total: ['counter', 'Events received, by verdict', ['task', 'verdict']],
  missed_offsets_total: ['counter', 'Offsets skipped because they were gone', ['task']],
  watermark_seconds: ['gauge', "The task's watermark, epoch seconds of event time", ['task']],
  position: ['gauge', 'Offset of the next record', ['task', 'partition']],
  partition_idle: ['gauge', '1 while a topic partition is idle', ['task', 'partition']],
  commits_total: ['counter', 'Commits that succeeded', ['task']],
  commit_duration_seconds: ['gauge', 'How long the last commit took', ['task']],
  commit_bytes: ['gauge', 'Bytes of the parts of the last commit', ['task']],
  commit_age_seconds: ['gauge', 'Time since the last successful commit', ['task']],
  fenced_total: ['counter', 'Commits refused because another process owns the task', ['task']],
  retries_total: ['counter', 'Calls of store or source tried again', ['task']],
  sink_lag_records: ['gauge', 'Records of the Flink job that the sink has not read', ['task']],
  task_ready: ['gauge', '1 while records are read and commits succeed', ['task']],
  kept_events: ['gauge', 'Rejected and too late events in the store', []],
  kept_bytes: ['gauge', 'Bytes of kept events', []],
  kept_pruned_total: ['counter', 'Kept events that were pruned', []],
  products: ['gauge', 'Products with a result', []],
  stream_readers: ['gauge', 'Readers of the live stream', []],
  stream_dropped_total: ['counter', 'Readers dropped because they did not drain', []],
  process_cpu_seconds_total: ['counter', 'CPU time of the process', ['mode']],
  process_resident_memory_bytes: ['gauge', 'Resident memory of the process', []],
  process_heap_bytes: ['gauge', 'JavaScript heap in use', []],
  process_uptime_seconds: ['gauge', 'Time since the process began', []],
} as const satisfies Record<string, readonly ['counter' | 'gauge', string, readonly string[]]>;

/** Metrics that parts count themselves; the API's `traffic.ts` makes them. */
export const HTTP_REQUESTS = `${METRIC_PREFIX}http_requests_total`;
export const HTTP_DURATION = `${METRIC_PREFIX}http_request_duration_seconds`;

export type MetricName = keyof typeof SCRAPED;
export const METRIC_NAMES = Object.keys(SCRAPED) as MetricName[];

/** What is known when somebody looks; `kept` is null when the store does not answer. */
export type Observation = {
  health: readonly TaskHealth[];
  kept: { events: number; bytes: number; pruned: number } | null;
  products: number;
  stream: { readers: number; dropped: number };
};

type Labels = Record<string, string>;
type Put = (name: MetricName, value: number, labels?: Labels) => void;

/** A registry of its own for each server, so that two in one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly #metrics = new Map<MetricName, Counter<string> | Gauge<string>>();

  constructor() {
    for (const name of METRIC_NAMES) {
      const [kind, help, labelNames] = SCRAPED[name];
      const options = { name: METRIC_PREFIX + name, help, labelNames: [...labelNames] };
      const registers = [this.registry];
      const metric =
        kind === 'counter'
          ? new Counter<string>({ ...options, registers })
          : new Gauge<string>({ ...options, registers });
      this.#metrics.set(name, metric);
    }
  }

  /** The text form of everything, as of now. */
  async text(observation: Observation): Promise<string> {
    for (const metric of this.#metrics.values()) metric.reset();
    const put: Put = (name, value, labels) => {
      // Labels given as undefined would be taken for a value.
      if (labels === undefined) this.#metrics.get(name)!.inc(value);
      else this.#metrics.get(name)!.inc(labels, value);
    };
    for (const task of observation.health) putTask(put, task);
    put('products', observation.products);
    put('stream_readers', observation.stream.readers);
    put('stream_dropped_total', observation.stream.dropped);
    putKept(put, observation.kept);
    putProcess(put);
    return await this.registry.metrics();
  }
}

function putTask(put: Put, health: TaskHealth): void {
  const { task, live } = health;
  put('commits_total', health.commits, { task });
  put('commit_duration_seconds', health.commitMs / 1000, { task });
  put('commit_bytes', health.commitBytes, { task });
  if (health.commitAgeMs !== null) put('commit_age_seconds', health.commitAgeMs / 1000, { task });
  put('fenced_total', health.fenced, { task });
  put('retries_total', health.retries, { task });
  put('task_ready', health.ready ? 1 : 0, { task });
  if (health.lagRecords !== undefined) put('sink_lag_records', health.lagRecords, { task });
  if (live === null) return;
  for (const [verdict, count] of Object.entries(live.ledger.verdicts))
    put('events_total', count, { task, verdict });
  put('missed_offsets_total', live.ledger.missed, { task });
  if (live.watermark !== null) put('watermark_seconds', live.watermark / 1000, { task });
  for (const { name: partition, position, idle } of live.partitions) {
    put('position', position, { task, partition });
    put('partition_idle', idle ? 1 : 0, { task, partition });
  }
}

function putKept(put: Put, kept: Observation['kept']): void {
  if (kept === null) return;
  put('kept_events', kept.events);
  put('kept_bytes', kept.bytes);
  put('kept_pruned_total', kept.pruned);
}

function putProcess(put: Put): void {
  const { user, system } = process.cpuUsage();
  put('process_cpu_seconds_total', user / 1e6, { mode: 'user' });
  put('process_cpu_seconds_total', system / 1e6, { mode: 'system' });
  const { rss, heapUsed } = process.memoryUsage();
  put('process_resident_memory_bytes', rss);
  put('process_heap_bytes', heapUsed);
  put('process_uptime_seconds', process.uptime());
}
