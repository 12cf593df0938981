/**
 * The live stream under load: from the commit of a change to the client's socket, for many readers
 * at once. Readers are raw sockets of a child process; latency is measured over every event.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { createServer } from '../src/api/server.ts';
import { systemClock } from '../src/clock.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import type { Change, ResultReader, Row } from '../src/stores/store.ts';
import { BUCKET_MICROS, type Heard, type Listen } from './stream-load.ts';

const START = 1_760_000_000_000;

export type StreamLoad = {
  readers: number;
  /** How many of them never read. */
  stuck: number;
  changesPerSecond: number;
  seconds: number;
  /** Products of the store: the size of a snapshot. */
  products: number;
};

export type StreamSample = {
  events: number;
  /** Changes that a reader did not get one by one. */
  gaps: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  cpuShare: number;
  /** CPU share of the child: near 1 it measures itself. */
  childShare: number;
  /** Resident memory at the end, and its slope over the second half, in MB and MB a minute. */
  rssMb: number;
  slopeMb: number;
  /** Least number that a reader has at the end, and the last published. */
  least: number;
  last: number;
};

/** A store whose changes are made by hand. */
class HandStore {
  readonly rows: Row[];
  #number = 1;
  #tell: (change: Change) => void = () => {};

  constructor(products: number) {
    this.rows = Array.from({ length: products }, (_, i) => ({
      product: `product_${i}`,
      latest: { start: START, impressions: 10_000, clicks: 4_000 + (i % 4_000) },
      previous: { start: START - 10_000, impressions: 10_000, clicks: 4_000 },
    }));
  }

  get number(): number {
    return this.#number;
  }

  reader(): ResultReader {
    const { rows } = this;
    return {
      load: async () => ({ incarnation: 'bench', number: this.#number, windowMs: 10_000, rows }),
      follow: (onChange) => {
        this.#tell = onChange;
        return () => {};
      },
      history: async () => [],
      historyHeld: async () => ({ levels: [], skipped: 0 }),
      statuses: async () => new Map(),
      rejected: async () => [],
      keptTotals: async () => ({ events: 0, bytes: 0, pruned: 0 }),
    };
  }

  /** A commit of one product, which carries the time it was made. */
  publish(): void {
    this.#number++;
    const { product, previous } = this.rows[this.#number % this.rows.length];
    const impressions = Number(process.hrtime.bigint() / 1_000n);
    const row = { product, latest: { start: START, impressions, clicks: 5_000 }, previous };
    const change = { incarnation: 'bench', number: this.#number, windowMs: 10_000 };
    this.#tell({ ...change, rows: [row], removals: [] });
  }
}

async function report(child: ChildProcess): Promise<Heard> {
  child.send('report');
  const [heard] = await once(child, 'message');
  return heard as Heard;
}

/** What was heard until every reader has the last change, or for half a minute. */
async function reportOfAll(child: ChildProcess, store: HandStore): Promise<Heard> {
  const all = await report(child);
  for (let tries = 0; tries < 300 && all.last.some((n) => n < store.number); tries++) {
    await sleep(100);
    const { events, gaps, latencies, last, cpuSeconds } = await report(child);
    all.events += events;
    all.gaps += gaps;
    Object.assign(all, { last, cpuSeconds });
    latencies.forEach((count, bucket) => {
      all.latencies[bucket] += count;
    });
  }
  return all;
}

/** Publishes evenly for `seconds`, however late a timer is. */
async function publishEvenly(store: HandStore, perSecond: number, seconds: number): Promise<void> {
  const beganMs = performance.now();
  for (let sent = 0; sent < perSecond * seconds; ) {
    const due = Math.floor(((performance.now() - beganMs) / 1_000) * perSecond);
    for (; sent < due; sent++) store.publish();
    await sleep(1);
  }
}

/** Milliseconds within which `share` of all came. */
function quantile(latencies: Uint32Array, share: number): number {
  let left = latencies.reduce((sum, count) => sum + count, 0) * share;
  let bucket = -1;
  while (left > 0 && bucket < latencies.length) left -= latencies[++bucket];
  return (Math.max(0, bucket) * BUCKET_MICROS) / 1_000;
}

/** Serves `load.products` products to a child that opens the readers; `act` then makes load. */
async function withReaders<T>(
  load: Pick<StreamLoad, 'readers' | 'stuck' | 'products'>,
  act: (store: HandStore, child: ChildProcess) => Promise<T>,
): Promise<T> {
  const store = new HandStore(load.products);
  const app = await createServer({
    reader: store.reader(),
    settings: SETTINGS,
    limits: LIMITS,
    clock: systemClock,
    health: () => [],
    log: pino({ level: 'silent' }),
    version: 'bench',
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const path = fileURLToPath(new URL('./stream-load.ts', import.meta.url));
  const child = fork(path, { stdio: 'inherit', serialization: 'advanced' });
  try {
    const { port } = app.server.address() as AddressInfo;
    const listen: Listen = { port, readers: load.readers, stuck: load.stuck };
    child.send(listen);
    await once(child, 'message');
    return await act(store, child);
  } finally {
    const exited = once(child, 'exit');
    child.send('end');
    await exited;
    await app.close();
  }
}

const rssMb = () => process.memoryUsage().rss / 1e6;

/** Readers at a steady rate, after a second of warm-up. */
export async function steady(load: StreamLoad): Promise<StreamSample> {
  return await withReaders(load, async (store, child) => {
    await publishEvenly(store, load.changesPerSecond, 1);
    const before = await report(child);
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    await publishEvenly(store, load.changesPerSecond, load.seconds / 2);
    const middleMb = rssMb();
    await publishEvenly(store, load.changesPerSecond, load.seconds / 2);
    const endMb = rssMb();
    const { user, system } = process.cpuUsage(cpu);
    const wallMs = performance.now() - beganMs;
    const heard = await reportOfAll(child, store);
    return sampleOf(heard, {
      cpuShare: Math.round((user + system) / 10 / wallMs) / 100,
      childShare: Math.round(((heard.cpuSeconds - before.cpuSeconds) * 1e5) / wallMs) / 100,
      rssMb: Math.round(endMb),
      slopeMb: Math.round(((endMb - middleMb) / (load.seconds / 2)) * 600) / 10,
      last: store.number,
    });
  });
}

/** `changes` at once to all readers: nobody may miss one. */
export async function burst(readers: number, changes: number): Promise<StreamSample> {
  return await withReaders({ readers, stuck: 0, products: 1_000 }, async (store, child) => {
    store.publish();
    await reportOfAll(child, store);
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    for (let i = 0; i < changes; i++) store.publish();
    const all = await reportOfAll(child, store);
    const { user, system } = process.cpuUsage(cpu);
    const cpuShare = Math.round((user + system) / 10 / (performance.now() - beganMs)) / 100;
    const rest = { cpuShare, childShare: 0, rssMb: Math.round(rssMb()), slopeMb: 0 };
    return sampleOf(all, { ...rest, last: store.number });
  });
}

type Rest = Pick<StreamSample, 'cpuShare' | 'childShare' | 'rssMb' | 'slopeMb' | 'last'>;

function sampleOf({ events, gaps, latencies, last: lasts }: Heard, rest: Rest): StreamSample {
  return {
    events,
    gaps,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    least: lasts.reduce((a, b) => Math.min(a, b), Infinity),
    ...rest,
  };
}

if (import.meta.main) {
  const seconds = Number(process.argv[2] ?? 20);
  const write = (name: string, sample: StreamSample) =>
    process.stdout.write(`${name}: ${JSON.stringify(sample)}\n`);
  const some = { readers: 200, stuck: 0, changesPerSecond: 1_000, seconds, products: 1_000 };
  write('200 readers, 1 000 changes/s', await steady(some));
  const many = { readers: 1_000, stuck: 50, changesPerSecond: 100, seconds, products: 1_000 };
  write('1 000 readers (50 never read), 100 changes/s', await steady(many));
  write('burst of 10 000 changes to 100 readers', await burst(100, 10_000));
}
