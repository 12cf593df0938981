/**
 * What the stores cost: closings of 100 000 and of 1 000 products in SQLite and in Redis (a real
 * one, AOF each second), how long Redis does nothing else meanwhile, small commits, snapshots.
 */
import { SETTINGS } from '../src/config.ts';
import type { ProductResult } from '../src/result.ts';
import type { Status } from '../src/status.ts';
import {
  COMMITS_IN_FLIGHT,
  type Commit,
  type CommitAnswer,
  type Fence,
  type Part,
  type Store,
} from '../src/stores/store.ts';
import { commitOf, statusOf } from '../test/stores/commits.ts';
import { median } from './measure.ts';
import { benchSnapshot } from './snapshot.ts';
import { redis, type StoreSample, sqlite, type World } from './store-worlds.ts';

const START = 1_760_000_000_000;
const TASK = '0';
const CLAIMS = 5_000;

/** Nothing is final yet: no history is folded meanwhile. */
const STATUS: Status = { ...statusOf(0), finalBefore: 0 };

/** One owner of one task that commits as a pipeline does: one right behind another, two at most. */
class Owner {
  readonly store: Store;
  readonly #fence: Fence;
  #number = 0;

  constructor(store: Store, fence: Fence) {
    this.store = store;
    this.#fence = fence;
  }

  async commit(contents: readonly Partial<Commit>[]): Promise<void> {
    const inFlight: Promise<CommitAnswer>[] = [];
    const oldest = async () => {
      const { answer } = (await inFlight.shift()) as CommitAnswer;
      if (answer !== 'ok') throw new Error(`a commit was answered with ${answer}`);
    };
    for (const content of contents) {
      if (inFlight.length === COMMITS_IN_FLIGHT) await oldest();
      const commit = commitOf(TASK, this.#fence, ++this.#number, { status: STATUS, ...content });
      const behind = inFlight.length > 0 ? this.store.commitBehind?.(commit) : null;
      while (inFlight.length > 0 && !behind) await oldest();
      inFlight.push(behind ?? this.store.commit(commit));
      // A turn, as between two steps.
      await new Promise(setImmediate);
    }
    while (inFlight.length > 0) await oldest();
  }
}

const names: string[] = [];

/** Always the same string for a product, as the dictionary gives it. */
function nameOf(i: number): string {
  names[i] ??= `product_${i}`;
  return names[i];
}

/** Results of products [from, to) for window `n`: one cell each, the window before as previous. */
function results(from: number, to: number, n: number): ProductResult[] {
  const list: ProductResult[] = [];
  for (let i = from; i < to; i++) {
    const countsOf = (window: number) => ({
      start: START + window * SETTINGS.windowMs,
      impressions: 20 + ((i * 7 + window * 13) % 300),
      clicks: (i + window) % 40,
    });
    const latest = countsOf(n);
    list.push({ product: nameOf(i), latest, previous: countsOf(n - 1), cells: [latest] });
  }
  return list;
}

/** Closes window `n` in commits as large as the store takes; results are made beforehand. */
async function close(owner: Owner, products: number, n: number) {
  const commits: Partial<Commit>[] = [];
  const { resultsPerCommit } = owner.store;
  for (let from = 0; from < products; from += resultsPerCommit)
    commits.push({ results: results(from, Math.min(products, from + resultsPerCommit), n) });
  const beganMs = performance.now();
  const before = process.cpuUsage();
  await owner.commit(commits);
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - beganMs, cpuMs: (user + system) / 1_000 };
}

async function closings(
  where: string,
  open: () => Promise<World>,
  products: number,
  rounds: number,
): Promise<StoreSample[]> {
  const world = await open();
  try {
    const owner = new Owner(world.store, await world.store.claim(TASK, 'bench'));
    const claims: Partial<Commit>[] = [];
    for (let from = 0; from < products; from += CLAIMS) {
      const length = Math.min(CLAIMS, products - from);
      claims.push({ claims: Array.from({ length }, (_, i) => nameOf(from + i)) });
    }
    await owner.commit(claims);
    // The first rounds are those of a process that is still being compiled.
    for (let n = 0; n < 2; n++) await close(owner, products, n);
    await world.begin();
    const runs: { ms: number; cpuMs: number }[] = [];
    for (let n = 2; n < rounds; n++) runs.push(await close(owner, products, n));
    const times = runs.map(({ ms }) => ms);
    const cpu = median(runs.map(({ cpuMs }) => cpuMs));
    const samples: StoreSample[] = [
      { name: 'a closing', value: median(times), unit: 'ms', samples: times },
      { name: 'a closing, the longest', value: Math.max(...times), unit: 'ms' },
      { name: 'a closing', value: cpu, unit: 'CPU ms' },
      ...(await world.more(products * rounds)),
    ];
    return named(`${where}, ${products} products`, samples);
  } finally {
    await world.close();
  }
}

function named(where: string, samples: readonly StoreSample[]): StoreSample[] {
  return samples.map((sample) => ({ ...sample, name: `${where}: ${sample.name}` }));
}

async function smallCommits(rounds: number): Promise<StoreSample[]> {
  const world = await sqlite();
  try {
    const owner = new Owner(world.store, await world.store.claim(TASK, 'bench'));
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const part: Part = { name: `block/${n % 4}`, bytes: new Uint8Array(102_400).fill(n) };
      const beganMs = performance.now();
      await owner.commit([{ parts: [part] }]);
      times.push(performance.now() - beganMs);
    }
    times.sort((a, b) => a - b);
    const p99 = times[Math.floor(times.length * 0.99)];
    return named('SQLite, a commit of 100 KB', [
      { name: 'half of them within', value: median(times), unit: 'ms' },
      { name: '99 % within', value: p99, unit: 'ms' },
    ]);
  } finally {
    await world.close();
  }
}

function snapshots(): StoreSample[] {
  const { cpuMs, bytes } = benchSnapshot(100_000, 40);
  return named('a snapshot of 100 000 products, all touched', [
    { name: 'each', value: cpuMs, unit: 'CPU ms' },
    { name: 'packed', value: bytes, unit: 'bytes' },
  ]);
}

/** Of Redis nothing where there is none. */
export async function benchStore(hasRedis: boolean): Promise<StoreSample[]> {
  const samples = [...snapshots(), ...(await smallCommits(300))];
  const stores: [string, () => Promise<World>][] = [['SQLite', sqlite]];
  if (hasRedis) stores.push(['Redis', redis]);
  for (const [name, open] of stores) {
    samples.push(...(await closings(name, open, 100_000, 9)));
    samples.push(...(await closings(name, open, 1_000, 42)));
  }
  return samples;
}
