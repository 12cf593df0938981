/** The sink's loop over a store in memory: crashes anywhere, lost answers, fences, standing by. */

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Sink } from '../../src/sink/sink.ts';
import { untilFree } from '../../src/sink/standby.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Commit, CommitAnswer, TaskStore } from '../../src/stores/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { iso } from '../support/fake-job.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type SinkLog, SinkLogs } from '../support/sink-logs.ts';

const settings = settingsWith({});
const WINDOW = settings.windowMs;
const T0 = 1_795_472_400_000;
const PER_COMMIT = 4;

type Cells = Map<string, { start: number; impressions: number; clicks: number }[]>;

/** What a job over some windows writes: revisions, repeats, tombstones, uncounted events. */
function play(random: Random, windows: number) {
  const results = [0, 1, 2].map((n): SinkLog => ({ ...place(`res-${n}`, 'results'), records: [] }));
  const rejected: SinkLog = { ...place('rej-0', 'rejected'), records: [] };
  const progress: SinkLog = { ...place('pro-0', 'progress'), records: [] };
  const cells: Cells = new Map();
  let uncounted = 0;
  for (let n = 0; n < windows; n++) {
    for (let p = 0; p < 7; p++) {
      const product = `p${p}`;
      if (random.chance(0.2)) continue;
      const cell = { start: T0 + n * WINDOW, impressions: random.int(1, 9), clicks: 1 };
      const known = cells.get(product) ?? [];
      cells.set(product, [...known, cell]);
      // The key says where a window is: always in the same partition.
      const log = results[(n + p) % 3].records;
      if (random.chance(0.2)) log.push({ value: undefined });
      const tell = () => log.push({ value: { ...tellingOf(product, cell) } });
      tell();
      if (random.chance(0.3)) {
        const before = tellingOf(product, cell);
        cell.impressions += random.int(1, 5);
        tell();
        if (random.chance(0.5)) log.push({ value: before });
      }
    }
    if (random.chance(0.6)) {
      const headers = { reason: 'too_late', topic: 'clicks', partition: '1', offset: `${n}` };
      rejected.records.push({ value: {}, headers });
      if (random.chance(0.3)) rejected.records.push({ value: {}, headers });
      uncounted++;
    }
    const watermark = iso(T0 + (n + 1) * WINDOW - 1);
    progress.records.push({ value: { partition: 0, watermark } });
  }
  progress.records.push({ value: { partition: 0, watermark: iso(T0 + (windows + 1) * WINDOW) } });
  return { logs: [...results, rejected, progress], cells, uncounted };
}

function place(name: string, kind: SinkLog['kind']) {
  return { name, kind };
}

function tellingOf(product: string, { start, ...counts }: { start: number; impressions: number }) {
  const times = { window_start: iso(start), window_end: iso(start + WINDOW) };
  return { product_id: product, ...times, ...counts };
}

/** Hands commits on, but dies or loses answers as chance has it. */
class Frail implements TaskStore {
  readonly resultsPerCommit = PER_COMMIT;
  readonly #store: MemoryStore;
  readonly #random: Random;
  commits = 0;

  constructor(store: MemoryStore, random: Random) {
    this.#store = store;
    this.#random = random;
  }
  claim(task: string, token: string) {
    return this.#store.claim(task, token);
  }
  read(task: string) {
    return this.#store.read(task);
  }
  async commit(commit: Commit): Promise<CommitAnswer> {
    this.commits++;
    if (this.#random.chance(0.1)) throw new Error('died before the commit');
    const answer = await this.#store.commit(structuredClone(commit));
    if (this.#random.chance(0.1)) throw new Error('died after the commit');
    if (this.#random.chance(0.1)) throw new ClickrateError('store_unavailable', 'lost the answer');
    return answer;
  }
}

function sinkOf(
  store: TaskStore,
  logs: readonly SinkLog[],
  clock: SimClock,
  random: Random,
  source = new SinkLogs(logs, clock, random),
) {
  let tokens = 0;
  return new Sink({
    task: 'sink',
    store,
    clock,
    settings,
    limits: LIMITS,
    log: silentLog,
    owner: 'me',
    source,
    isGone: (owner) => owner === 'me',
    newToken: () => `${random.int(0, 1e9)}-${tokens++}`,
    writeNumber: async () => (await store.read('sink')).number,
  });
}

/** Runs until the log's end is committed; true: it died before. */
async function run(sink: Sink, isDone: () => Promise<boolean>): Promise<boolean> {
  const abort = new AbortController();
  const running = sink.run(abort.signal);
  let hasDied = false;
  running.catch(() => {
    hasDied = true;
  });
  for (let n = 0; !hasDied && !(await isDone()); n++) {
    assert.ok(n < 3_000, JSON.stringify(sink.health()));
    await new Promise(setImmediate);
  }
  abort.abort();
  await running.catch((error) => assert.match(String(error), /died/));
  return hasDied;
}

suite('the loop of the sink', () => {
  test('dying anywhere = never died', async () => {
    const { seed: from, runs } = runsFromEnv({ seed: 1, runs: 60 });
    for (let seed = from; seed < from + runs; seed++) {
      const random = new Random(seed);
      const clock = new SimClock(T0);
      const { logs, cells, uncounted } = play(random, 30);
      const final = T0 + 31 * WINDOW;
      const store = new MemoryStore({ writer: 'sink' });
      const isDone = async () => (await store.statuses()).get('sink')?.watermark === final;
      let deaths = 0;
      while (await run(sinkOf(new Frail(store, random), logs, clock, random), isDone)) deaths++;
      const status = (await store.statuses()).get('sink')!;
      const { verdicts, received } = status.ledger;
      const all = [...cells.values()].flat();
      const events = all.reduce((sum, cell) => sum + cell.impressions + cell.clicks, 0);
      assert.equal(verdicts.counted, events, `seed ${seed}, ${deaths} deaths`);
      assert.equal(verdicts.too_late, uncounted, `seed ${seed}`);
      assert.equal(received, events + uncounted);
      const rows = (await store.load()).rows;
      assert.equal(rows.length, cells.size);
      for (const { product, latest, previous } of rows) {
        const known = cells.get(product)!;
        assert.deepEqual([latest, previous], [known.at(-1), known.at(-2) ?? null], `seed ${seed}`);
        assert.deepEqual(await windowsOf(store, product, 0, 9e15), known, `seed ${seed}`);
      }
      assert.equal(status.finalBefore, T0 + 30 * WINDOW);
    }
  });

  test('what is called final has been read: the watermark waits for the results', async () => {
    const random = new Random(3);
    const clock = new SimClock(T0);
    const { logs } = play(random, 12);
    const store = new MemoryStore({ writer: 'sink', resultsPerCommit: PER_COMMIT });
    const commit = store.commit.bind(store);
    const told = new Map<string, number>();
    store.commit = async (one) => {
      for (const { product, cells } of one.results)
        for (const { start } of cells) {
          const key = `${product} ${start}`;
          if (!told.has(key)) told.set(key, one.status.finalBefore ?? -Infinity);
        }
      return commit(one);
    };
    const final = T0 + 13 * WINDOW;
    const isDone = async () => (await store.statuses()).get('sink')?.watermark === final;
    await run(sinkOf(store, logs, clock, random), isDone);
    for (const [key, finalBefore] of told)
      assert.ok(Number(key.split(' ')[1]) >= finalBefore, `${key} came after it was final`);
    assert.ok(told.size > 50);
  });

  test('with nothing to tell it commits every 5 s: who stands by sees that it lives', async () => {
    const random = new Random(8);
    const clock = new SimClock(T0);
    const store = new MemoryStore({ writer: 'sink' });
    const isDone = async () => clock.monotonicMs() >= 60_000;
    assert.equal(await run(sinkOf(store, [], clock, random), isDone), false);
    // Every 5 s from the beginning on, and one that lets go.
    assert.equal((await store.read('sink')).number, 12 + 1);
  });

  test('what is no result is told within a second: how far the job is, and what it rejected', async () => {
    const random = new Random(12);
    const clock = new SimClock(T0);
    // A record with each fetch: something is always new.
    const records = Array.from({ length: 2_000 }, (_, n) => {
      return { value: { partition: 0, watermark: iso(T0 + n) } };
    });
    const logs = [{ ...place('pro-0', 'progress'), records }];
    const source = new SinkLogs(logs, clock, random, 1);
    const store = new MemoryStore({ writer: 'sink' });
    const isDone = async () => clock.monotonicMs() >= 20_000;
    await run(sinkOf(store, [], clock, random, source), isDone);
    const { number } = await store.read('sink');
    assert.ok(number > 15 && number <= 21, `${number} commits`);
  });

  test('one that is fenced drops the results and stands by', async () => {
    const random = new Random(9);
    const clock = new SimClock(T0);
    const { logs } = play(random, 30);
    const store = new MemoryStore({ writer: 'sink' });
    const sink = sinkOf(store, logs, clock, random);
    const [commit, claim] = [store.commit.bind(store), store.claim.bind(store)];
    let takenMs = 0;
    store.commit = async (one) => {
      if (one.number === 3 && takenMs === 0) {
        takenMs = clock.monotonicMs();
        await claim('sink', 'another');
      }
      return await commit(one);
    };
    const claimsMs: number[] = [];
    store.claim = async (task, token) => {
      claimsMs.push(clock.monotonicMs());
      return await claim(task, token);
    };
    await run(sink, async () => clock.monotonicMs() > 60_000);
    const { fenced, retries } = sink.health();
    assert.deepEqual([fenced, retries], [1, 0]);
    // The other one would have written its name by then: an owner commits that often.
    const waitedMs = claimsMs[1] - takenMs;
    assert.ok(waitedMs > LIMITS.commitMaxMs && waitedMs < 10_000, `${waitedMs} ms`);
    assert.deepEqual([claimsMs.length, sink.isOwner, sink.health().state], [2, false, 'stopped']);
  });

  test('who owns the results again after a fence stands by no more for that', async () => {
    const random = new Random(13);
    const clock = new SimClock(T0);
    const store = new MemoryStore({ writer: 'sink' });
    const [commit, claim] = [store.commit.bind(store), store.claim.bind(store)];
    store.commit = async (one) => {
      if (one.number === 3 && one.epoch === 1) await claim('sink', 'another');
      return await commit(one);
    };
    let claimedMs = 0;
    store.claim = async (task, token) => {
      claimedMs = clock.monotonicMs();
      return await claim(task, token);
    };
    const source = new SinkLogs([], clock, random);
    const read = source.read.bind(source);
    let goneMs = 0;
    source.read = async (wanted, waitMs) => {
      if (goneMs > 0 || clock.monotonicMs() < 60_000) return await read(wanted, waitMs);
      goneMs = clock.monotonicMs();
      throw new ClickrateError('source_gap', 'deleted meanwhile');
    };
    const sink = sinkOf(store, [], clock, random, source);
    await run(sink, async () => clock.monotonicMs() > 90_000);
    assert.equal(sink.health().fenced, 1);
    const waitedMs = claimedMs - goneMs;
    assert.ok(waitedMs >= 0 && waitedMs < 1_000, `${waitedMs} ms`);
  });

  test('reading pauses while many windows wait to be committed', async () => {
    const random = new Random(10);
    const clock = new SimClock(T0);
    const records = Array.from({ length: 60_000 }, (_, n) => {
      const cell = { start: T0, impressions: 1, clicks: 0 };
      return { value: tellingOf(`p${n}`, cell) };
    });
    const store = new MemoryStore({ writer: 'sink', resultsPerCommit: 500 });
    const source = new SinkLogs([{ ...place('res-0', 'results'), records }], clock, random, 5_000);
    const sink = sinkOf(store, [], clock, random, source);
    let [most, written] = [0, 0];
    store.follow(({ rows }) => {
      written += rows.length;
    });
    const isDone = async () => {
      const position = sink.health().live?.partitions[0]?.position ?? 0;
      most = Math.max(most, position - written);
      return written >= 10_000;
    };
    await run(sink, isDone);
    assert.ok(most >= 9_000 && most < 10_000 + 5_000, `${most} windows wait`);
  });

  test('no watermark is told before every subtask of the job has one', async () => {
    const random = new Random(11);
    const clock = new SimClock(T0);
    const progress: SinkLog = { ...place('pro-0', 'progress'), records: [] };
    progress.records.push({ value: { partition: 0, watermark: iso(T0) } });
    progress.records.push({ value: { partition: 1, watermark: null } });
    const logs = [{ ...place('res-0', 'results'), records: [] }, progress];
    const store = new MemoryStore({ writer: 'sink' });
    const isDone = async () => clock.monotonicMs() >= 10_000;
    await run(sinkOf(store, logs, clock, random), isDone);
    const status = (await store.statuses()).get('sink')!;
    assert.deepEqual([status.partitions[1]!.position, status.watermark], [2, null]);
  });

  test('a stop commits what was read, however many commits that takes, and lets go', async () => {
    const random = new Random(4);
    const clock = new SimClock(T0);
    const cell = { start: T0, impressions: 1, clicks: 0 };
    const records = Array.from({ length: 100 }, (_, n) => ({ value: tellingOf(`p${n}`, cell) }));
    const source = new SinkLogs([{ ...place('res-0', 'results'), records }], clock, random, 30);
    const store = new MemoryStore({ writer: 'sink', resultsPerCommit: PER_COMMIT });
    const sink = sinkOf(store, [], clock, random, source);
    let read = 0;
    const isDone = async () => {
      read = sink.health().live?.partitions[0]?.position ?? 0;
      return read > 50;
    };
    assert.equal(await run(sink, isDone), false);
    assert.ok((await store.load()).rows.length >= read);
    const { parts, status } = await store.read('sink');
    assert.equal(status?.partitions[0]?.position, (await store.load()).rows.length);
    assert.ok(parts.length > 0);
    assert.ok(parts.every(({ name }) => name !== 'owner'));
  });

  test('records that are gone by the time they are read: the topics are opened again', async () => {
    for (const code of ['source_gap', 'topic_renewed'] as const) {
      const random = new Random(6);
      const clock = new SimClock(T0);
      const { logs, cells } = play(random, 12);
      const store = new MemoryStore({ writer: 'sink', resultsPerCommit: PER_COMMIT });
      const source = new SinkLogs(logs, clock, random);
      const read = source.read.bind(source);
      let reads = 0;
      source.read = async (wanted, waitMs) => {
        if (++reads % 7 === 0 && reads < 50) throw new ClickrateError(code, 'deleted meanwhile');
        return await read(wanted, waitMs);
      };
      const final = T0 + 13 * WINDOW;
      const isDone = async () => (await store.statuses()).get('sink')?.watermark === final;
      assert.equal(await run(sinkOf(store, logs, clock, random, source), isDone), false);
      assert.ok(reads > 50);
      for (const [product, known] of cells)
        assert.deepEqual(await windowsOf(store, product, 0, 9e15), known, product);
    }
  });

  test('one that fails for good while the store is away says so at once', async () => {
    const random = new Random(7);
    const clock = new SimClock(T0);
    const store = new MemoryStore({ writer: 'sink' });
    store.commit = async () => {
      await new Promise(setImmediate);
      throw new ClickrateError('store_unavailable', 'away');
    };
    const source = new SinkLogs([], clock, random);
    let reads = 0;
    source.read = async () => {
      if (++reads > 3) throw new ClickrateError('source_damaged', 'a broken batch');
      return [];
    };
    let code: unknown;
    const sink = sinkOf(store, [], clock, random, source);
    sink.run(new AbortController().signal).catch((error) => {
      code = error.code;
    });
    for (let n = 0; n < 30; n++) await new Promise(setImmediate);
    assert.equal(code, 'source_damaged');
    assert.equal(sink.health().state, 'failed');
  });

  test('another window size than the checkpoint has is refused by name', async () => {
    const random = new Random(5);
    const clock = new SimClock(T0);
    const { logs } = play(random, 3);
    const store = new MemoryStore({ writer: 'sink' });
    await run(sinkOf(store, logs, clock, random), async () => (await store.load()).rows.length > 2);
    const sink = new Sink({
      task: 'sink',
      store,
      clock,
      limits: LIMITS,
      log: silentLog,
      owner: 'me',
      settings: settingsWith({ windowMs: 1_000 }),
      source: new SinkLogs(logs, clock, random),
      isGone: () => true,
      newToken: () => 'x',
      writeNumber: async () => 0,
    });
    const { signal } = new AbortController();
    await assert.rejects(sink.run(signal), { code: 'checkpoint_settings', message: /10000.*1000/ });
  });
});

suite('standing by', () => {
  const owned = (owner: string | null) => ({
    number: 1,
    status: null,
    parts: owner === null ? [] : [{ name: 'owner', bytes: new TextEncoder().encode(owner) }],
  });
  const waitFor = async (
    numberAt: (ms: number) => number,
    ownerAt: (ms: number) => string | null,
    wasFenced = false,
  ) => {
    const clock = new SimClock(T0);
    const { signal } = new AbortController();
    const states: (string | null)[] = [];
    const onState = (state: string | null) => states.push(state);
    const retry = { task: 'sink', clock, limits: LIMITS, log: silentLog, signal, onState };
    const store = { read: async () => owned(ownerAt(clock.monotonicMs())) };
    const writeNumber = async () => numberAt(clock.monotonicMs());
    const parts = { task: 'sink', store, clock, log: silentLog, writeNumber };
    const standby = { ...parts, isGone: (owner: string) => owner === 'dead' };
    await untilFree(standby, retry, onState, wasFenced);
    return { ms: clock.monotonicMs(), states };
  };

  test('nobody owns it, or the owner is known to be dead: at once', async () => {
    assert.equal(
      (
        await waitFor(
          () => 1,
          () => null,
        )
      ).ms,
      0,
    );
    assert.equal(
      (
        await waitFor(
          () => 1,
          () => 'dead',
        )
      ).ms,
      0,
    );
  });

  test('15 s after the last commit', async () => {
    const numberAt = (ms: number) => Math.min(6, Math.floor(ms / 5_000));
    const { ms, states } = await waitFor(numberAt, () => 'other');
    assert.equal(ms, 45_000);
    assert.deepEqual([...new Set(states)], ['standing by: other owns the results']);
  });

  test('after a fence nobody is taken for dead at once, not even this process', async () => {
    const moving = (ms: number) => Math.floor(ms / 5_000);
    const ownerAt = (ms: number) => (ms < 2_000 ? 'dead' : ms < 60_000 ? 'other' : null);
    const numberAt = (ms: number) => Math.min(12, moving(ms));
    assert.equal((await waitFor(numberAt, ownerAt, true)).ms, 66_000);
    // A store that went back in time: nobody else is there.
    assert.equal(
      (
        await waitFor(
          () => 1,
          () => 'dead',
          true,
        )
      ).ms,
      7_000,
    );
  });

  test('sooner, when the owner has let go', async () => {
    const ownerAt = (ms: number) => (ms < 20_000 ? 'other' : null);
    const numberAt = (ms: number) => Math.min(4, Math.floor(ms / 5_000));
    assert.equal((await waitFor(numberAt, ownerAt)).ms, 26_000);
  });
});
