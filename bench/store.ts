/**
 * What the SQLite store costs: a closing of 100 000 products and of 1 000, a commit of 100 KB, and
 * the bytes of history a cell takes in the file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../src/config.ts';
import { VERDICTS, type Verdict } from '../src/event.ts';
import type { ProductResult } from '../src/result.ts';
import { openDatabase } from '../src/sqlite.ts';
import type { Status } from '../src/status.ts';
import { SqliteStore } from '../src/stores/sqlite/store.ts';
import type { Commit, Fence, Part } from '../src/stores/store.ts';

const START = 1_760_000_000_000;
const TASK = '0';

export type StoreSample = { name: string; value: number; unit: 'ms' | 'CPU ms' | 'bytes' };

const STATUS: Status = {
  version: 1,
  partitions: [
    { name: 'journal-0', topicId: 'j', position: 0, maxTs: 0, watermark: 0, idle: false },
  ],
  watermark: 0,
  finalBefore: 0,
  comebacks: [],
  ledger: {
    received: 0,
    verdicts: Object.fromEntries(VERDICTS.map((v) => [v, 0])) as Record<Verdict, number>,
    since: {},
    missed: 0,
  },
  settings: SETTINGS,
  publishFloor: null,
  idKey: '0'.repeat(32),
  heldElsewhere: 0,
  droppedIds: 0,
};

/** One owner of one task that commits. */
class Owner {
  readonly store: SqliteStore;
  #fence: Fence | null = null;
  #number = 0;

  constructor(db: DatabaseSync) {
    this.store = new SqliteStore(db);
  }

  async commit(content: Partial<Commit>): Promise<void> {
    this.#fence ??= await this.store.claim(TASK, 'bench');
    const { answer } = await this.store.commit({
      ...{ ...this.#fence, task: TASK, number: ++this.#number, status: STATUS },
      ...{ parts: [], removedParts: [], removals: [], claims: [], results: [], kept: [] },
      ...{ comebacks: [], ...content },
    });
    if (answer !== 'ok') throw new Error(`a commit was answered with ${answer}`);
  }
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
    list.push({ product: `product_${i}`, latest, previous: countsOf(n - 1), cells: [latest] });
  }
  return list;
}

/** Closes window `n` in commits of at most `perCommit` results; the results are made beforehand. */
async function close(owner: Owner, products: number, n: number) {
  const commits: ProductResult[][] = [];
  const { resultsPerCommit } = owner.store;
  for (let from = 0; from < products; from += resultsPerCommit)
    commits.push(results(from, Math.min(products, from + resultsPerCommit), n));
  const beganMs = performance.now();
  const before = process.cpuUsage();
  for (const list of commits) await owner.commit({ results: list });
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - beganMs, cpuMs: (user + system) / 1_000 };
}

async function closings(products: number, rounds: number): Promise<StoreSample[]> {
  return withDatabase(async (db) => {
    const owner = new Owner(db);
    for (let from = 0; from < products; from += 20_000) {
      const count = Math.min(20_000, products - from);
      await owner.commit({
        claims: Array.from({ length: count }, (_, i) => `product_${from + i}`),
      });
    }
    const runs: { ms: number; cpuMs: number }[] = [];
    for (let n = 0; n < rounds; n++) runs.push(await close(owner, products, n));
    const cells = products * rounds;
    const packed = db.prepare('SELECT sum(length(cells)) AS bytes FROM cells').get();
    const pages = db.prepare(
      "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name LIKE 'cells%' " +
        "OR name LIKE 'sqlite_autoindex_cells%'",
    );
    const name = `${products} products`;
    return [
      {
        name: `closing of ${name}`,
        value: quantile(
          runs.map((r) => r.ms),
          0.5,
        ),
        unit: 'ms',
      },
      {
        name: `closing of ${name}`,
        value: quantile(
          runs.map((r) => r.cpuMs),
          0.5,
        ),
        unit: 'CPU ms',
      },
      {
        name: `history cell, packed, ${name}`,
        value: Number(packed?.bytes) / cells,
        unit: 'bytes',
      },
      {
        name: `history cell in the file, ${name}`,
        value: Number(pages.get()?.bytes) / cells,
        unit: 'bytes',
      },
    ];
  });
}

async function smallCommits(rounds: number): Promise<StoreSample[]> {
  return withDatabase(async (db) => {
    const owner = new Owner(db);
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const part: Part = { name: `block/${n % 4}`, bytes: new Uint8Array(102_400).fill(n) };
      const beganMs = performance.now();
      await owner.commit({ parts: [part] });
      times.push(performance.now() - beganMs);
    }
    return [
      { name: 'commit of 100 KB, half of them within', value: quantile(times, 0.5), unit: 'ms' },
      { name: 'commit of 100 KB, 99 % within', value: quantile(times, 0.99), unit: 'ms' },
    ];
  });
}

async function withDatabase<T>(body: (db: DatabaseSync) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  const db = openDatabase(join(directory, 'clickrate.db'));
  try {
    return await body(db);
  } finally {
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export async function benchStore(): Promise<StoreSample[]> {
  return [
    ...(await closings(100_000, 9)),
    ...(await closings(1_000, 40)),
    ...(await smallCommits(300)),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, value, unit } of await benchStore())
    process.stdout.write(`${name}: ${value.toFixed(1)} ${unit}\n`);
}
