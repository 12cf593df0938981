/** What the tests of parity share: the cluster, the command on it, and a job that is disturbed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { generateCommand } from '../../src/cli/generate.ts';
import {
  differencesOf,
  type FlinkCase,
  flinkRunOf,
  newestOf,
  shapeFor,
} from '../../src/cli/verify-flink.ts';
import { OPTIONS, settingsWith } from '../../src/config.ts';
import { pause } from '../../src/flink/rest.ts';
import type { FlinkRun } from '../../src/verify/flink-run.ts';
import { oracle } from '../../src/verify/oracle.ts';
import { readRecords } from '../../src/verify/records.ts';
import { type FlinkTestCluster, QUICK_START, startFlink } from './flink-cluster.ts';
import { type KafkaTestCluster, startKafka } from './kafka-cluster.ts';
import { startNode, temporary } from './processes.ts';

/** Parts in which the events are sent, so steadily that no partition is idle, and their distance. */
const PARTS = 40;
const PART_MS = 500;
/** This many are sent, at most, before the TaskManager is killed, and before the savepoint. */
const BEFORE_KILL = 20;
const BEFORE_SAVEPOINT = 30;

export type ParityCluster = {
  kafka: KafkaTestCluster;
  flink: FlinkTestCluster;
  stop(): Promise<void>;
};

export async function startParity(): Promise<ParityCluster> {
  const [kafka, flink] = await Promise.all([
    startKafka({ brokers: 1 }),
    startFlink(2, {}, QUICK_START),
  ]);
  const stop = async () => void (await Promise.all([kafka.stop(), flink.stop()]));
  return { kafka, flink, stop };
}

/** Runs `clickrate verify` on both engines; it must end well. Resolves with what it printed. */
export async function verified({ kafka, flink }: ParityCluster, args: string[]): Promise<string> {
  const child = startNode('src/cli/main.ts', ['verify', '--engines', 'local,flink', ...args], {
    CLICKRATE_BROKERS: kafka.bootstrap,
    CLICKRATE_GATEWAY: flink.gatewayUrl,
    CLICKRATE_JOB_MANAGER: flink.jobManagerUrl,
    CLICKRATE_FLINK_JAR: flink.jar,
  });
  const code = await child.ended;
  const text = child.output();
  assert.equal(code, 0, `${text}\n${code === 0 ? '' : flink.output().slice(-5_000)}`);
  if (process.env.CLICKRATE_VERBOSE) console.log(text);
  return text;
}

/**
 * Generated events of all kinds but too late ones, sent while the TaskManager is killed and while
 * the job is stopped with a savepoint and deployed again. No difference to the oracle may be left.
 */
export async function verifyDisturbed(
  { kafka, flink }: ParityCluster,
  events: number,
  t: TestContext,
): Promise<void> {
  const one = await disturbedCase({ kafka, flink }, events, t);
  const run = flinkRunOf(one);
  try {
    await run.make();
    const parts = inParts(one.records);
    await run.fill(parts[0]);
    await run.deploy(null);
    await disturb(run, flink, parts);
    await run.untilRead();
    await run.untilClosed(newestOf(one.answer));
    await run.stop();
    const { outcome, found } = await differencesOf(run, one);
    assert.deepEqual(found, []);
    assert.equal(outcome.ledger.get('received'), one.records.length);
  } finally {
    assert.equal(await run.remove(), null);
  }
}

async function disturbedCase(
  { kafka, flink }: Omit<ParityCluster, 'stop'>,
  events: number,
  t: TestContext,
): Promise<FlinkCase> {
  const file = join(temporary(t), 'events.ndjson');
  // A late event comes up to 2 * 2 s + 1.9 s after its time, a duplicate 2 s after that: less than
  // the 8 s from which on it could be too late.
  const delays = { disorderMs: 2_000, late: 0.05, lateMs: 1_900 };
  const generator = { ...delays, duplicates: 0.01, broken: 0.01, products: 50, seed: 3 };
  generateCommand({ events, out: file, startMs: 1_700_000_000_000, generator });
  const records = await readRecords({ files: [file], sort: false }, Date.now());
  const settings = settingsWith({});
  const log = { partition: 'file-0', records };
  const answer = oracle([log], [], { ...settings, publishFloor: null });
  assert.equal(shapeFor(answer).parallelism, 2, 'no event is too late');
  for (const verdict of ['duplicate', 'not_json', 'timestamp_unit'])
    assert.ok((answer.totals.get(verdict) ?? 0) > 0, verdict);
  const { gatewayUrl: gateway, jobManagerUrl: jobManager, jar } = flink;
  const options = { ...OPTIONS, brokers: kafka.bootstrap, gateway, jobManager };
  const { signal } = new AbortController();
  return { records, answer, options, settings, jar, signal, say: () => {} };
}

/**
 * SIGKILL while events come, then a stop with a savepoint from which a new job goes on. Parts that
 * would come after a pause come while nothing runs: a partition that was idle could be left behind.
 */
async function disturb(run: FlinkRun, flink: FlinkTestCluster, parts: Part[]): Promise<void> {
  const killed = Promise.withResolvers<void>();
  const feeding = (async () => {
    await feed(run, parts.slice(1, BEFORE_KILL));
    await killed.promise;
    await feed(run, parts.slice(BEFORE_KILL, BEFORE_SAVEPOINT));
  })();
  await run.untilRead(0.01);
  await flink.taskManager.kill();
  killed.resolve();
  const before = await committed(run);
  flink.taskManager.start();
  while ((await committed(run)) <= before) await pause(PART_MS);
  await feeding;
  const savepoint = await run.stop();
  for (const part of parts.slice(BEFORE_SAVEPOINT)) await run.fill(part);
  await run.deploy(savepoint);
}

/** Records behind the job, in all, as its last checkpoint has it. */
async function committed(run: FlinkRun): Promise<number> {
  const places = await run.topics.positions();
  return places.reduce((sum, place) => sum + place.committed, 0);
}

type Part = Parameters<FlinkRun['fill']>[0];

function inParts<T>(all: readonly T[]): T[][] {
  const size = Math.ceil(all.length / PARTS);
  return Array.from({ length: PARTS }, (_, n) => all.slice(n * size, (n + 1) * size));
}

async function feed(run: FlinkRun, parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    await pause(PART_MS);
    await run.fill(part);
  }
}
