/** Names of all metrics and how they are made. No label ever holds a product. */
import { Counter, Gauge, type Metric, Registry } from '@prometheus-io/client';
import { type Histogram, histogramValues } from './histogram.ts';
import { MOST_FILES, openFiles } from './open-files.ts';
import type { TaskHealth } from './status.ts';

export const METRIC_PREFIX = 'clickrate_';

/** Every metric that is filled when somebody looks: kind, help, labels. */
const SCRAPED = {
  ready: ['gauge', '1 while /readyz answers 200', []],
  build_info: ['gauge', 'Always 1; the version is in the label', ['version']],
  events_total: ['counter', 'Events received, by verdict', ['task', 'verdict']],
  missed_offsets_total: ['counter', 'Offsets skipped because they were gone', ['task']],
  revisions_total: ['counter', 'Published windows published again with more counts', ['task']],
  watermark_seconds: ['gauge', "The task's watermark, epoch seconds of event time", ['task']],
  watermark_lag_seconds: ['gauge', "The wall clock minus the task's watermark", ['task']],
  position: ['gauge', 'Offset of the next record', ['task', 'partition']],
  lag_records: ['gauge', 'Records of the log that are not read yet', ['task', 'partition']],
  partition_idle: ['gauge', '1 while a topic partition is idle', ['task', 'partition']],
  commits_total: ['counter', 'Commits that succeeded', ['task']],
  commit_bytes: ['gauge', 'Bytes of the parts of the last commit', ['task']],
  commit_age_seconds: ['gauge', 'Time since the last successful commit', ['task']],
  fenced_total: ['counter', 'Commits refused because another process owns the task', ['task']],
  retries_total: ['counter', 'Calls of store or source tried again', ['task']],
  held_elsewhere_products: ['gauge', 'Products met that another task owns', ['task']],
  dropped_ids_total: ['counter', 'Event ids forgotten early because of the limit', ['task']],
  sink_lag_records: ['gauge', 'Records of the Flink job that the sink has not read', ['task']],
  heartbeats_paused: ['gauge', '1 while the sink sends no heartbeats to the Flink job', ['task']],
  task_standby: ['gauge', '1 while another process owns the task and this one waits', ['task']],
  task_ready: ['gauge', '1 while records are read and commits succeed', ['task']],
  kept_events: ['gauge', 'Rejected and too late events in the store', []],
  kept_bytes: ['gauge', 'Bytes of kept events', []],
  kept_limit_bytes: ['gauge', 'Bytes of kept events at which the oldest are pruned', []],
  kept_pruned_total: ['counter', 'Kept events that were pruned', []],
  store_stale_seconds: ['gauge', 'How old the served results are while the store is away', []],
  products: ['gauge', 'Products with a result', []],
  stream_readers: ['gauge', 'Readers of the live stream', []],
  stream_snapshots_total: ['counter', 'Snapshots given to readers of the stream', []],
  stream_coalesced_total: ['counter', 'Times a lagging reader got its changes as one', []],
  stream_dropped_total: ['counter', 'Readers dropped because they did not drain', []],
  process_cpu_seconds_total: ['counter', 'CPU time of the process', ['mode']],
  process_busy_seconds_total: ['counter', 'Time the event loop was not waiting', []],
  process_resident_memory_bytes: ['gauge', 'Resident memory of the process', []],
  process_heap_bytes: ['gauge', 'JavaScript heap in use', []],
  process_open_fds: ['gauge', 'Open file descriptors, where the system tells', []],
  process_max_fds: ['gauge', 'As many may be open; +Inf: the system does not tell', []],
  process_uptime_seconds: ['gauge', 'Time since the process began', []],
} as const satisfies Record<string, readonly ['counter' | 'gauge', string, readonly string[]]>;

/** Metrics whose parts count themselves; the API's `traffic.ts` makes those of HTTP. */
export const HTTP_REQUESTS = `${METRIC_PREFIX}http_requests_total`;
export const HTTP_DURATION = `${METRIC_PREFIX}http_request_duration_seconds`;
const COMMIT_DURATION = `${METRIC_PREFIX}commit_duration_seconds`;

export type MetricName = keyof typeof SCRAPED;
export const METRIC_NAMES = Object.keys(SCRAPED) as MetricName[];

/** Every series that can be exported, with its labels: what rules and dashboards may name. */
export const SERIES: ReadonlyMap<string, readonly string[]> = new Map<string, string[]>([
  ...METRIC_NAMES.map(
    (name) => [METRIC_PREFIX + name, [...SCRAPED[name][2]]] as [string, string[]],
  ),
  [HTTP_REQUESTS, ['route', 'status']],
  ...seriesOf(HTTP_DURATION, ['route']),
  ...seriesOf(COMMIT_DURATION, ['task']),
]);

function seriesOf(histogram: string, labels: string[]): [string, string[]][] {
  return [
    [`${histogram}_bucket`, [...labels, 'le']],
    [`${histogram}_sum`, labels],
    [`${histogram}_count`, labels],
  ];
}

/** What the stream's hub counts. */
export type StreamCounts = {
  readers: number;
  dropped: number;
  coalesced: number;
  snapshots: number;
};

/** What is known when somebody looks; `kept` is null when the store does not answer. */
export type Observation = {
  health: readonly TaskHealth[];
  kept: { events: number; bytes: number; pruned: number } | null;
  keptLimitBytes: number;
  products: number;
  stream: StreamCounts;
  ready: boolean;
  version: string;
  /** Epoch milliseconds. */
  wallMs: number;
  /** While the store does not answer: milliseconds since it last did. */
  staleMs: number | null;
};

type Labels = Record<string, string>;
type Put = (name: MetricName, value: number, labels?: Labels) => void;

/** A registry of its own for each server, so that two in one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  /** What the store last said: while it does not answer, nothing of it has changed. */
  #kept: Observation['kept'] = null;
  readonly #metrics = new Map<MetricName, Counter<string> | Gauge<string>>();
  #commits: { task: string; commitSeconds: Histogram }[] = [];

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
    this.registry.registerMetric(this.#commitDurations());
  }

  /** The text form of everything, as of now. */
  async text(observation: Observation): Promise<string> {
    for (const metric of this.#metrics.values()) metric.reset();
    const put: Put = (name, value, labels) => {
      // Labels given as undefined would be taken for a value.
      if (labels === undefined) this.#metrics.get(name)!.inc(value);
      else this.#metrics.get(name)!.inc(labels, value);
    };
    const { health, stream, staleMs, version } = observation;
    for (const task of health) putTask(put, task, observation.wallMs);
    this.#commits = health.flatMap(({ task, commitSeconds }) =>
      commitSeconds === undefined ? [] : [{ task, commitSeconds }],
    );
    put('ready', observation.ready ? 1 : 0);
    put('build_info', 1, { version });
    put('kept_limit_bytes', observation.keptLimitBytes);
    put('products', observation.products);
    put('store_stale_seconds', (staleMs ?? 0) / 1000);
    put('stream_readers', stream.readers);
    put('stream_snapshots_total', stream.snapshots);
    put('stream_coalesced_total', stream.coalesced);
    put('stream_dropped_total', stream.dropped);
    this.#kept = observation.kept ?? this.#kept;
    putKept(put, this.#kept);
    putProcess(put);
    return await this.registry.metrics();
  }

  /** The registry only calls `get`; its types want the whole class of a metric. */
  #commitDurations(): Metric {
    const name = COMMIT_DURATION;
    const get = () => ({
      name,
      type: 'histogram',
      help: 'How long commits took, tries included',
      values: this.#commits.flatMap(({ task, commitSeconds }) =>
        histogramValues(name, { task }, commitSeconds),
      ),
    });
    return { name, get } as unknown as Metric;
  }
}

function putTask(put: Put, health: TaskHealth, wallMs: number): void {
  const { task, live } = health;
  put('commits_total', health.commits, { task });
  put('commit_bytes', health.commitBytes, { task });
  if (health.commitAgeMs !== null) put('commit_age_seconds', health.commitAgeMs / 1000, { task });
  put('fenced_total', health.fenced, { task });
  put('retries_total', health.retries, { task });
  put('revisions_total', health.revisions ?? 0, { task });
  put('task_standby', health.state === 'standby' ? 1 : 0, { task });
  put('task_ready', health.ready ? 1 : 0, { task });
  if (health.lagRecords !== undefined) put('sink_lag_records', health.lagRecords, { task });
  if (health.heartbeatsPause !== undefined)
    put('heartbeats_paused', health.heartbeatsPause ? 1 : 0, { task });
  if (live === null) return;
  for (const [verdict, count] of Object.entries(live.ledger.verdicts))
    put('events_total', count, { task, verdict });
  put('missed_offsets_total', live.ledger.missed, { task });
  put('held_elsewhere_products', live.heldElsewhere, { task });
  put('dropped_ids_total', live.droppedIds, { task });
  if (live.watermark !== null) {
    put('watermark_seconds', live.watermark / 1000, { task });
    put('watermark_lag_seconds', (wallMs - live.watermark) / 1000, { task });
  }
  for (const [p, { name: partition, position, idle }] of live.partitions.entries()) {
    const end = health.sights?.[p]?.end ?? null;
    put('position', position, { task, partition });
    put('partition_idle', idle ? 1 : 0, { task, partition });
    if (end !== null) put('lag_records', Math.max(0, end - position), { task, partition });
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
  put('process_busy_seconds_total', performance.eventLoopUtilization().active / 1000);
  const { rss, heapUsed } = process.memoryUsage();
  put('process_resident_memory_bytes', rss);
  put('process_heap_bytes', heapUsed);
  put('process_open_fds', openFiles());
  put('process_max_fds', MOST_FILES);
  put('process_uptime_seconds', process.uptime());
}
