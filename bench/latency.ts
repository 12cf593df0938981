/**
 * `npm run bench:latency`: how long after the broker took the record that lets a task close a
 * window all its results are in Redis, and at a client of the live stream. 10 000 events a second,
 * windows of one second, real servers on this machine.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countsAsked } from '../scripts/arguments.ts';
import type { Log, LogRecord } from '../src/verify/oracle.ts';
import { allRunning } from '../test/kafka/engines.ts';
import { readTopics } from '../test/kafka/log-reader.ts';
import { setUp } from '../test/kafka/setup.ts';
import { startKafka, withoutKafka } from '../test/support/kafka-cluster.ts';
import { startNode } from '../test/support/processes.ts';
import { withoutRedis } from '../test/support/redis-server.ts';
import type { Observed, Sightings, Watch } from './closing-observer.ts';
import { cpuSecondsOf, endOnSignals, MAIN, machine, sleep } from './measure.ts';
import { percentiles } from './percentiles.ts';

const HELP = `npm run bench:latency -- [closings] [rate]

  closings   of windows, to wait for (900: tasks close together, so the last hundredth of 300
             would be that of one second)
  rate       impressions and tries of clicks a second (12200: some 10 000 become events)`;

const [CLOSINGS, RATE] = countsAsked([900, 12_200], HELP);
const PRODUCTS = 1_000;
const DELAY_MS = 500;
const WINDOW_MS = 1_000;
const TASKS = 3;
/** Closings at the start are those of a process that is still being compiled; Flink has as long. */
const WARM_UP_MS = 40_000;
const OBSERVER_START_MS = 2_000;
/** Place of stolen time among the ticks of proc(5). */
const STEAL = 7;

const why = withoutKafka() || withoutRedis();
if (why) throw new Error(why);

endOnSignals();
const closers: (() => unknown)[] = [];
const t = { after: (fn: () => unknown) => closers.push(fn) };
const cluster = await startKafka({ brokers: 1 });
closers.push(() => cluster.stop());
try {
  await bench();
} finally {
  for (const close of closers.reverse()) await close();
}

async function bench(): Promise<void> {
  const world = await setUp(t, cluster, {
    aof: 'everysec',
    settings: { watermarkDelayMs: DELAY_MS },
  });
  const engine = await world.engine({ file: MAIN });
  // Processes of their own: producing and looking must not keep each other waiting.
  const producer = startNode(MAIN, [
    ...['produce', '--rate', String(RATE), '--products', String(PRODUCTS)],
    ...['--brokers', cluster.bootstrap, '--impressions-topic', world.impressions],
    ...['--clicks-topic', world.clicks],
  ]);
  t.after(() => producer.kill());
  await allRunning([engine], TASKS);
  await sleep(WARM_UP_MS);
  const observer = fork(fileURLToPath(new URL('./closing-observer.ts', import.meta.url)));
  t.after(() => observer.kill());
  observer.send({ redis: world.redis.url, port: Number(new URL(engine.url).port) } as Watch);
  await sleep(OBSERVER_START_MS);
  const fromMs = Date.now();
  const untilMs = fromMs + Math.ceil(CLOSINGS / TASKS) * WINDOW_MS + 2 * WINDOW_MS + DELAY_MS;
  const before = cpuByProcess();
  await sleep(untilMs - Date.now());
  const cpu = cpuByProcess();
  const answer = once(observer, 'message');
  observer.send('end');
  const [observed] = (await answer) as [Observed];
  await producer.kill('SIGTERM');
  const logs = await readTopics(cluster.bootstrap, [world.impressions, world.clicks]);
  const closings = closingsOf(logs, Math.ceil(fromMs / WINDOW_MS) * WINDOW_MS);
  const delaysIn = (seen: Sightings) =>
    closings.map(({ key, closedMs }) => (seen[key] ?? Number.NaN) - closedMs);
  const seconds = (untilMs - fromMs) / 1_000;
  process.stdout.write(
    `${machine()}\n${eventRate(logs, fromMs, untilMs)} events/s, ${PRODUCTS} products; ` +
      `${closings.length} closings of ${TASKS} tasks\n` +
      `CPU, of a core: ${sharesOf(before, cpu, seconds)}\n\n` +
      'append time of the closing record → all its products, ms p50      p90      p99      max\n',
  );
  process.stdout.write(
    `${percentiles('in Redis', delaysIn(observed.redis))}\n` +
      `${percentiles('at a client of the live stream', delaysIn(observed.stream))}\n`,
  );
}

/**
 * CPU seconds by name of the children of this process, and of the whole machine; of the latter also
 * those that its host kept for others (`steal` in proc(5)), in which nobody here could run.
 */
function cpuByProcess(): Map<string, number> {
  const seconds = new Map<string, number>();
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  for (const pid of children.trim().split(' ').map(Number)) {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const name =
      ['run', 'produce'].find((word) => args.includes(word)) ?? args[0].split('/').at(-1) ?? '';
    seconds.set(name === 'node' ? 'observer' : name, cpuSecondsOf(pid));
  }
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).map(Number);
  const busy = ticks.reduce((sum, n, i) => (i === 3 || i === 4 ? sum : sum + n), 0);
  return seconds.set('the whole machine', busy / 100).set('kept by its host', ticks[STEAL] / 100);
}

function sharesOf(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  seconds: number,
): string {
  const shares = [...after].map(([name, cpu]) => {
    const share = (cpu - (before.get(name) ?? 0)) / seconds;
    return `${name} ${share.toFixed(2)}`;
  });
  return shares.join(', ');
}

/** Events a second that the broker took meanwhile. */
function eventRate(logs: readonly Log[], fromMs: number, untilMs: number): string {
  const taken = logs.reduce(
    (sum, { records }) =>
      sum + records.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < untilMs).length,
    0,
  );
  return (taken / ((untilMs - fromMs) / 1_000)).toFixed(0);
}

/** The closings of windows from `fromMs` on, and when their last partition let them close. */
function closingsOf(logs: readonly Log[], fromMs: number): { key: string; closedMs: number }[] {
  return Array.from({ length: TASKS }, (_, task) => task).flatMap((task) => {
    const ours = logs
      .filter(({ partition }) => partition.endsWith(`-${task}`))
      .map(({ records }) => passedBy(records));
    return Array.from({ length: Math.ceil(CLOSINGS / TASKS) }, (_, n) => {
      const start = fromMs + n * WINDOW_MS;
      const times = ours.map((passed) => passed.get(start) ?? Number.NaN);
      return { key: `${task} ${start}`, closedMs: Math.max(...times) };
    });
  });
}

/** By start of a window: append time of the first record that takes the watermark to its end. */
function passedBy(records: readonly LogRecord[]): Map<number, number> {
  const passed = new Map<number, number>();
  let next = Number.NaN;
  for (const { bytes, arrivalMs } of records) {
    const { timestamp } = JSON.parse(Buffer.from(bytes).toString()) as { timestamp: number };
    const ended = Math.floor((timestamp - DELAY_MS + 1) / WINDOW_MS) * WINDOW_MS;
    if (Number.isNaN(next)) next = ended;
    for (; next <= ended; next += WINDOW_MS) passed.set(next - WINDOW_MS, arrivalMs);
  }
  return passed;
}
