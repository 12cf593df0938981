/** The outcome of a Flink job that is deployed for the run, on topics made for it. */
import { randomUUID } from 'node:crypto';
import type { Settings } from '../config.ts';
import { type Difference, differences } from '../verify/compare.ts';
import { FlinkRun, type FlinkRunOptions } from '../verify/flink-run.ts';
import { type Answer, type LogRecord, oracle } from '../verify/oracle.ts';
import { expected, type Outcome } from '../verify/outcome.ts';
import type { Shape } from '../verify/topics.ts';

/** With one partition nothing else moves the watermark while it is idle. */
const ALONE_IDLE_MS = 3_000;
/** Of several, one that a slow machine lets wait must not be left behind by the others. */
const IDLE_MS = 10_000;

export type FlinkCase = {
  records: readonly LogRecord[];
  /** Of the oracle on the files. */
  answer: Answer;
  options: FlinkRunOptions;
  settings: Settings;
  jar: string;
  signal: AbortSignal;
  say(sentence: string): void;
};

/**
 * Where some event is too late, its verdict hangs on the order of all: one partition keeps it. Else
 * counts are the same however the events are spread.
 */
export function shapeFor(answer: Answer): Shape {
  return answer.totals.has('too_late')
    ? { partitions: 1, parallelism: 1 }
    : { partitions: 3, parallelism: 2 };
}

/** Highest time of an event that is not rejected, in epoch milliseconds; null: there is none. */
export function newestOf({ maxTs }: Answer): number | null {
  const times = [...maxTs.values()].filter((ts) => ts !== null);
  return times.length === 0 ? null : Math.max(...times);
}

/** Times of the oldest and the newest counted window. */
function edgesOf({ cells }: Answer): [number, number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const windows of cells.values())
    for (const start of windows.keys())
      [first, last] = [Math.min(first, start), Math.max(last, start)];
  return first > last ? [0, 0] : [first, last];
}

export function flinkRunOf(one: FlinkCase): FlinkRun {
  const { answer, options, settings, jar, signal } = one;
  const shape = shapeFor(answer);
  const [first, last] = edgesOf(answer);
  return new FlinkRun({
    options,
    settings,
    jar,
    signal,
    shape,
    spanMs: last - first,
    idleMs: shape.partitions === 1 ? ALONE_IDLE_MS : IDLE_MS,
    prefix: `clickrate-verify-${randomUUID().slice(0, 8)}`,
    hasDuplicates: answer.totals.has('duplicate'),
  });
}

/** Rejects with `source_unavailable`, `flink_unavailable` and `flink_failed`. */
export async function flinkDifferences(
  one: FlinkCase,
): Promise<{ outcome: Outcome; found: Difference[] }> {
  const { partitions, parallelism } = shapeFor(one.answer);
  const run = flinkRunOf(one);
  try {
    const spread = `partitions: ${partitions}, parallelism: ${parallelism}`;
    one.say(`flink: ${one.records.length} events through a job of its own, ${spread} …`);
    await run.begin(one.records);
    await run.untilRead();
    await run.untilClosed(newestOf(one.answer));
    await run.stop();
    one.say('flink: reading what came out …');
    return await differencesOf(run, one);
  } finally {
    const left = await run.remove();
    if (left !== null) one.say(`flink: not all could be removed: ${left}`);
  }
}

/** Of a run that was stopped: windows and ledger against the files, verdicts against the logs. */
export async function differencesOf(
  run: FlinkRun,
  { answer, settings }: FlinkCase,
): Promise<{ outcome: Outcome; found: Difference[] }> {
  const logs = await run.topics.logs();
  const ofLogs = expected(oracle(logs, [], { ...settings, publishFloor: null }));
  const outcome = await run.outcome(logs.reduce((sum, { records }) => sum + records.length, 0));
  const truth = { ...expected(answer), kept: ofLogs.kept };
  // How the events were spread must not have changed what is right.
  const spread = { ...ofLogs, engine: 'oracle on topics' };
  return { outcome, found: [...differences(truth, spread), ...differences(truth, outcome)] };
}
