/** The outcome of a Flink job that is deployed for the run, on topics made for it. */
import { randomUUID } from 'node:crypto';
import type { Options, Settings } from '../config.ts';
import { type Difference, differences } from '../verify/compare.ts';
import { FlinkRun } from '../verify/flink-run.ts';
import { type Answer, type LogRecord, oracle } from '../verify/oracle.ts';
import { expected, type Outcome } from '../verify/outcome.ts';
import type { Shape } from '../verify/topics.ts';

/** Short enough to wait for, long enough for a fetch. */
const IDLE_MS = 4_000;

export type FlinkCase = {
  records: readonly LogRecord[];
  /** Of the oracle on the files. */
  answer: Answer;
  options: Options;
  settings: Settings;
  jar: string;
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

export function flinkRunOf(one: FlinkCase): FlinkRun {
  const { answer, options, settings, jar } = one;
  return new FlinkRun({
    ...{ options, settings, jar, idleMs: IDLE_MS, shape: shapeFor(answer) },
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
    await run.topics.make();
    one.say(`flink: starting a job of parallelism ${parallelism} …`);
    await run.deploy(null);
    one.say(`flink: sending ${one.records.length} events to partitions: ${partitions} a topic …`);
    await run.fill(one.records);
    await run.untilRead();
    await run.untilClosed(newestOf(one.answer));
    await run.stop();
    one.say('flink: reading what came out …');
    return await differencesOf(run, one);
  } finally {
    await run.remove();
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
