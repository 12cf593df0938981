/**
 * For each alert a course of its metrics that must fire it, at that time, and one that must not.
 * Values are a sample each 15 s, in the notation of `promtool test rules`.
 */

type Course = Record<string, string>;
export type AlertCase = { alert: string; at: string; fires: Course; calm: Course };

const T = '{instance="a",task="0"}';
const A = '{instance="a"}';
const verdict = (name: string) => `clickrate_events_total{instance="a",task="0",verdict="${name}"}`;
const answers = (route: string, status: string) =>
  `clickrate_http_requests_total{instance="a",route="${route}",status="${status}"}`;

/** One series in two courses. */
function one(alert: string, at: string, series: string, fires: string, calm: string): AlertCase {
  return { alert, at, fires: { [series]: fires }, calm: { [series]: calm } };
}

/** Of 100 observations each 15 s so many within `bound`, the others within 2.5 s. */
function histogram(name: string, labels: string, bound: string, within: number): Course {
  const bucket = (le: string) => `clickrate_${name}_bucket{instance="a",${labels},le="${le}"}`;
  return {
    [bucket(bound)]: `0+${within}x120`,
    [bucket('2.5')]: '0+100x120',
    [bucket('+Inf')]: '0+100x120',
  };
}

export const ALERT_CASES: readonly AlertCase[] = [
  one('ClickrateDown', '2m', 'up{job="clickrate",instance="a"}', '0x20', '1x20'),
  {
    alert: 'ClickrateNotReady',
    at: '2m',
    fires: { [`clickrate_ready${A}`]: '0x20', [`clickrate_task_standby${T}`]: '0x20' },
    // One that is ready in time, and one that stands by.
    calm: {
      [`clickrate_ready${A}`]: '0 0 1x20',
      [`clickrate_ready${A.replace('"a"', '"b"')}`]: '0x20',
      [`clickrate_task_standby${T.replace('"a"', '"b"')}`]: '1x20',
    },
  },
  one('ClickrateNoCommits', '1m', `clickrate_commit_age_seconds${T}`, '20x20', '5x20'),
  {
    alert: 'ClickrateOffsetsMissed',
    at: '65m',
    // By the engine that was down for an hour and skipped as it started, after an older gap.
    fires: { [`clickrate_missed_offsets_total${T}`]: '3x10 _x235 5x30' },
    // A gap of long ago, told by an engine and by another that has taken the task over.
    calm: {
      [`clickrate_missed_offsets_total${T}`]: '5x250',
      [`clickrate_missed_offsets_total${T.replace('"a"', '"b"')}`]: '_x250 5x30',
    },
  },
  one(
    ...(['ClickrateRestarting', '12m', `clickrate_process_uptime_seconds${A}`] as const),
    ...(['0+15x10 0+15x10 0+15x10 0+15x20', '0+15x20 0+15x30'] as const),
  ),
  one('ClickrateStale', '1m', `clickrate_store_stale_seconds${A}`, '20x20', '0x20'),
  one('ClickrateRetrying', '12m', `clickrate_retries_total${T}`, '0+3x60', '0+1x60'),
  one('ClickrateFenced', '5m', `clickrate_fenced_total${T}`, '0 0 0 5x40', '0 0 0 1x40'),
  {
    alert: 'ClickrateSlowCommits',
    at: '20m',
    fires: histogram('commit_duration_seconds', 'task="0"', '1', 90),
    calm: histogram('commit_duration_seconds', 'task="0"', '1', 100),
  },
  one(
    ...(['ClickrateLagGrows', '15m', 'clickrate_lag_records{task="0",partition="p"}'] as const),
    ...(['200000+1000x100', '200000-1000x100'] as const),
  ),
  one(
    ...(['ClickrateSinkLagGrows', '15m', `clickrate_sink_lag_records${T}`] as const),
    ...(['20000+100x100', '20000x100'] as const),
  ),
  one('ClickrateHeartbeatsPaused', '5m', `clickrate_heartbeats_paused${T}`, '1x20', '1x6 0x20'),
  {
    alert: 'ClickrateWatermarkBehind',
    at: '10m',
    fires: { [`clickrate_watermark_lag_seconds${T}`]: '90x60', [verdict('counted')]: '0+10x60' },
    calm: { [`clickrate_watermark_lag_seconds${T}`]: '90x60', [verdict('counted')]: '10x60' },
  },
  one('ClickrateNoEvents', '35m', verdict('counted'), '10x150', '0+1x150'),
  {
    alert: 'ClickrateRejecting',
    at: '25m',
    fires: { [verdict('counted')]: '0+95x120', [verdict('not_json')]: '0+5x120' },
    calm: { [verdict('counted')]: '0+95x120', [verdict('duplicate')]: '0+5x120' },
  },
  {
    alert: 'ClickrateTooLate',
    at: '25m',
    fires: { [verdict('counted')]: '0+99x120', [verdict('too_late')]: '0+1x120' },
    calm: { [verdict('counted')]: '0+99x120', [verdict('too_late')]: '5x120' },
  },
  one('ClickrateHeldElsewhere', '6m', `clickrate_held_elsewhere_products${T}`, '3x40', '0x40'),
  one('ClickrateIdsDropped', '2m', `clickrate_dropped_ids_total${T}`, '0 0 5x40', '5x40'),
  {
    alert: 'ClickrateKeptNearLimit',
    at: '1m',
    fires: { [`clickrate_kept_bytes${A}`]: '95x9', [`clickrate_kept_limit_bytes${A}`]: '100x9' },
    calm: { [`clickrate_kept_bytes${A}`]: '85x9', [`clickrate_kept_limit_bytes${A}`]: '100x9' },
  },
  {
    alert: 'ClickrateRefusingEvents',
    at: '12m',
    fires: { [answers('/v1/events', '429')]: '0+5x60' },
    calm: { [answers('/v1/events', '202')]: '0+5x60', [answers('/ctr/latest', '429')]: '0+5x60' },
  },
  {
    alert: 'ClickrateHttpErrors',
    at: '12m',
    fires: { [answers('/', '200')]: '0+95x60', [answers('/', '500')]: '0+5x60' },
    calm: { [answers('/', '200')]: '0+95x60', [answers('/', '404')]: '0+5x60' },
  },
  {
    alert: 'ClickrateSlowAnswers',
    at: '20m',
    fires: histogram('http_request_duration_seconds', 'route="/"', '0.5', 90),
    calm: histogram('http_request_duration_seconds', 'route="/"', '0.5', 100),
  },
  one('ClickrateStreamFull', '6m', `clickrate_stream_readers${A}`, '1900x40', '1000x40'),
  one('ClickrateStreamDropping', '22m', `clickrate_stream_dropped_total${A}`, '0+3x120', '0+1x120'),
  {
    alert: 'ClickrateFilesNearLimit',
    at: '2m',
    fires: {
      [`clickrate_process_open_fds${A}`]: '95x12',
      [`clickrate_process_max_fds${A}`]: '100x12',
    },
    calm: {
      [`clickrate_process_open_fds${A}`]: '85x12',
      [`clickrate_process_max_fds${A}`]: '100x12',
    },
  },
  one('ClickrateBusy', '20m', `clickrate_process_busy_seconds_total${A}`, '0+14.5x120', '0+7x120'),
  one(
    ...(['ClickrateMemoryGrows', '3h', `clickrate_process_heap_bytes${A}`] as const),
    ...(['100000000+125000x800', '100000000+40000x800'] as const),
  ),
];

/** The file that `promtool test rules` takes; YAML, of which JSON is a part. */
export function promtoolTests(rules: string, cases: readonly AlertCase[]): string {
  const test = (course: Course, { alert, at }: AlertCase, firing: boolean) => ({
    interval: '15s',
    input_series: Object.entries(course).map(([series, values]) => ({ series, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: at,
        exp_samples: firing ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  });
  return JSON.stringify({
    rule_files: [rules],
    evaluation_interval: '15s',
    tests: cases.flatMap((one) => [test(one.fires, one, true), test(one.calm, one, false)]),
  });
}
