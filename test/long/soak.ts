/**
 * A soak on real servers: events all the time, a crowd of stream readers, a fault now and then. In
 * the end everything is held to the oracle, and what the watched engine held on to is told.
 */
import assert from 'node:assert/strict';
import type { Settings } from '../../src/config.ts';
import { checkTasks, committedTo } from '../kafka/check.ts';
import { allRunning, type Engine } from '../kafka/engines.ts';
import { endsOf, readTopics } from '../kafka/log-reader.ts';
import { pause, setUp } from '../kafka/setup.ts';
import { scrape } from '../operations/engine.ts';
import type { KafkaTestCluster } from '../support/kafka-cluster.ts';
import { type Child, eventually, startNode } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { FAULTS, type Fault, type World } from './faults.ts';
import { type Held, heldBy } from './held.ts';
import { type Done, Probe } from './probe.ts';
import { startReaders } from './readers.ts';

export type SoakOptions = {
  minutes: number;
  /** Events a second that are asked of the producer. */
  rate: number;
  readers: number;
  seed: number;
  faults: number;
  /** What the faults are drawn from. */
  kinds?: readonly Fault[];
  products: number;
  settings?: Partial<Settings>;
};

export type SoakReport = {
  events: number;
  perSecond: number;
  faults: Done[];
  /** Of the watched engine: alone at first, each ten seconds, and at the end without readers. */
  before: Held;
  held: Held[];
  after: Held;
  probes: ReturnType<Probe['counts']>;
  /** What readers heard, of all of them. */
  heard: number;
};

type Test = { after(fn: () => unknown): void };
type Setting = Awaited<ReturnType<typeof setUp>>;

const PARTITIONS = 3;
const RECOVERY_MS = 120_000;
const READERS_MS = 90_000;
const HELD_EVERY_MS = 10_000;
/** Everything that the rules speak of is in the traffic; of what is kept there is room for all. */
const TRAFFIC = {
  '--zipf': 1,
  '--disorder-ms': 300,
  '--late': 0.004,
  '--duplicates': 0.01,
  '--broken': 0.002,
};
/** Clicks come on top of the tries that the rate counts. */
const EVENTS_A_TRY = 0.76;

export async function soak(
  t: Test,
  cluster: KafkaTestCluster,
  options: SoakOptions,
): Promise<SoakReport> {
  const settings = options.settings ?? {};
  const setting = await setUp(t, cluster, { partitions: PARTITIONS, settings });
  const random = new Random(options.seed);
  say(`seed ${options.seed}`);
  const start = () => setting.engine({ file: 'test/long/engine-child.ts' });
  const watched = await start();
  const victim = await start();
  await allRunning([watched, victim], PARTITIONS);
  const before = await heldBy(watched);
  const port = Number(new URL(watched.url).port);
  const readers = startReaders(t, { port, readers: options.readers, stuck: 0 });
  readers.come();
  const startProducer = (times: number) => produced(t, setting, options, times, random.int(1, 1e6));
  const producer = startProducer(1);
  const world: World = {
    cluster,
    redis: setting.redis,
    readers,
    victim,
    startVictim: start,
    producer,
    startProducer,
    random: random.fork(),
  };
  const probe = new Probe(watched);
  t.after(() => probe.stop());
  const looks: Promise<Held>[] = [];
  const beganMs = performance.now();
  const timer = setInterval(() => {
    const look = heldBy(watched);
    // One without an answer fails the soak at its end, where they are awaited.
    look.catch(() => {});
    looks.push(look);
  }, HELD_EVERY_MS);
  t.after(() => clearInterval(timer));
  const faults = await made(world, watched, options, random);
  await readersBack(world, options.readers);
  const { events: heard, backwards } = await readers.heard();
  assert.equal(backwards, 0, 'a reader heard an older change after a newer one');
  assert.equal(await producer.kill('SIGTERM'), 0, producer.output());
  const seconds = (performance.now() - beganMs) / 1_000;
  probe.stop();
  clearInterval(timer);
  const held = await Promise.all(looks);
  readers.leave();
  const events = await mustBeExact(setting);
  for (const why of probe.mustBeTrue(faults)) say(`not ready without a fault: ${why}`);
  const after = await calmed(watched, before);
  mustHaveNoError([watched, world.victim]);
  for (const engine of [world.victim, watched]) assert.equal(await engine.kill('SIGTERM'), 0);
  const perSecond = Math.round(events / seconds);
  return { events, perSecond, faults, before, held, after, probes: probe.counts(), heard };
}

/** At once: who waits ten minutes wants to see it going. */
function say(line: string): void {
  process.stdout.write(`  ${line}\n`);
}

/** `clickrate produce` at `times` the rate, until it is stopped. */
function produced(
  t: Test,
  { impressions, clicks, held }: Setting,
  { rate, products }: SoakOptions,
  times: number,
  seed: number,
): Child {
  const flags = {
    '--brokers': held.bootstrap,
    '--impressions-topic': impressions,
    '--clicks-topic': clicks,
    '--seed': seed,
    '--products': products,
    ...TRAFFIC,
    '--rate': Math.round((rate * times) / EVENTS_A_TRY),
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [name, String(value)]);
  const child = startNode('src/cli/main.ts', ['produce', ...args]);
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Makes the faults, one after the other at equal distances, each kind before one again. */
async function made(
  world: World,
  watched: Engine,
  { minutes, faults, kinds = FAULTS, rate }: SoakOptions,
  random: Random,
): Promise<Done[]> {
  const done: Done[] = [];
  const everyMs = (minutes * 60_000) / (faults + 1);
  const beganMs = performance.now();
  let waiting: Fault[] = [];
  for (let n = 1; n <= faults; n++) {
    await pause(Math.max(0, beganMs + n * everyMs - performance.now()));
    if (waiting.length === 0) waiting = random.shuffle(kinds);
    const { name, isSeen, act } = waiting.shift()!;
    const faultMs = performance.now();
    await act(world);
    const endedMs = performance.now();
    await recovered([watched, world.victim], rate);
    const recoveredMs = performance.now();
    done.push({ name, isSeen, beganMs: faultMs, endedMs, recoveredMs });
    const took = ((recoveredMs - endedMs) / 1_000).toFixed(1);
    say(`${name}: all is well ${took} s after it`);
  }
  await pause(Math.max(0, beganMs + minutes * 60_000 - performance.now()));
  await recovered([watched, world.victim], rate);
  return done;
}

/** Waits until every task runs and no more than a second of events waits to be read. */
async function recovered(engines: readonly Engine[], rate: number): Promise<void> {
  await allRunning(engines, PARTITIONS, RECOVERY_MS);
  await eventually(
    async () => {
      let lag = 0;
      for (const { url } of engines)
        for (const [series, value] of await scrape(url))
          if (series.startsWith('clickrate_lag_records')) lag += value;
      if (lag <= rate) return true;
      throw new Error(`${lag} records wait`);
    },
    RECOVERY_MS,
    100,
  );
}

async function readersBack({ readers }: World, count: number): Promise<void> {
  await eventually(async () => {
    const { open, quietMs, quiet, began } = await readers.heard();
    if (open === count && quietMs < 20_000) return true;
    const since = `${quiet} have heard nothing for 10 s, one for ${Math.round(quietMs)} ms`;
    throw new Error(`${open} of ${count} readers are here; ${since}, and at first ${began}`);
  }, READERS_MS);
}

/** Everything is committed and equal to the oracle; answers how many events there were. */
async function mustBeExact({ held }: Setting): Promise<number> {
  const { bootstrap, topics, store } = held;
  await committedTo(store, await endsOf(bootstrap, topics), RECOVERY_MS);
  const tasks = Array.from({ length: PARTITIONS }, (_, n) => String(n));
  const logsOf = (task: string) => readTopics(bootstrap, topics, Number(task));
  const answers = await checkTasks(held, tasks, logsOf);
  return answers.reduce((sum, { received }) => sum + received, 0);
}

/** Files and timers are what they were before there were readers, or a few. */
async function calmed(engine: Engine, before: Held): Promise<Held> {
  return await eventually(async () => {
    const now = await heldBy(engine);
    const more = { files: now.files - before.files, timers: now.timers - before.timers };
    if (more.files <= 6 && more.timers <= 6) return now;
    throw new Error(`it holds ${more.files} files and ${more.timers} timers more than before`);
  });
}

function mustHaveNoError(engines: readonly Engine[]): void {
  const lines = engines.flatMap((engine) => engine.output().split('\n'));
  assert.deepEqual(
    lines.filter((line) => / ERROR /.test(line)),
    [],
  );
  say(`${lines.filter((line) => / WARN /.test(line)).length} warnings were logged`);
}
