/**
 * Drives the real pipeline over one stream: random steps of time, crashes, thieves, lost answers,
 * until every record is read and every window is closed.
 */
import assert from 'node:assert/strict';
import { LIMITS, type Limits } from '../../src/config.ts';
import { Task } from '../../src/engine/task.ts';
import { ClickrateError, isRetryable } from '../../src/errors.ts';
import { VERDICTS } from '../../src/event.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Commit } from '../../src/stores/store.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import type { Stream } from '../support/streams.ts';
import { Crash, type FaultRates, FaultyStore } from './faulty-store.ts';

const TASK = 'task-0';
/** A stream has fewer results to publish at its end. */
const MOST_RESULTS = 500;

export type Drive = {
  store: MemoryStore;
  commits: Commit[];
  /** Name of the last verdict of each offset, by partition. */
  verdicts: Map<string, Map<number, string>>;
  openWindows: number;
  restarts: number;
  steps: number;
};

export type Faults = FaultRates & {
  /** Share of steps at which the process dies in the middle. */
  die: number;
  /** Share of steps after which it is thrown away, or another claims the task. */
  dropped: number;
  stolen: number;
  /** Share of steps after which the store is as it was some commits ago. */
  rolledBack: number;
  /** Share of reads of the source that fail. */
  source: number;
};

const NO_FAULTS: Faults = {
  fail: 0,
  crash: 0,
  slow: 0,
  die: 0,
  dropped: 0,
  stolen: 0,
  rolledBack: 0,
  source: 0,
};

function drawFaults(random: Random): Faults {
  const share = (of: number) => (random.chance(0.4) ? random.fraction() * of : 0);
  return {
    fail: share(0.2),
    crash: share(0.1),
    slow: share(0.5),
    die: share(0.05),
    dropped: share(0.1),
    stolen: share(0.05),
    rolledBack: share(0.02),
    source: share(0.1),
  };
}

function drawLimits(random: Random): Limits {
  return {
    ...LIMITS,
    batchRecords: 256,
    comebacks: random.pick([1, 3, LIMITS.comebacks]),
    keptBytes: random.pick([500, LIMITS.keptBytes]),
    openCells: random.pick([64, LIMITS.openCells]),
  };
}

/** Verdicts pass by here, because the engine's columns are its own. */
let onVerdict: (task: Task, p: number, offset: number, code: number) => void = () => {};
const apply = Task.prototype.apply;
Task.prototype.apply = function (p, records, events, from) {
  const judged = apply.call(this, p, records, events, from);
  for (let i = from; i < judged.next; i++)
    onVerdict(this, p, records.offsets[i]!, events.verdict[i]!);
  return judged;
};

class Driver {
  readonly #stream: Stream;
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #clock: SimClock;
  readonly #limits: Limits;
  readonly #inner = new MemoryStore({ writer: 'engine' });
  readonly #store: FaultyStore;
  readonly #rates: FaultRates;
  #source!: SimSource;
  #pipeline!: Pipeline;
  #tokens = 0;
  #snapshot: { content: ReturnType<MemoryStore['snapshot']>; commits: number } | null = null;
  /** Whether the pipeline that runs now is the owner, by its number. */
  #owner = 0;
  readonly drive: Drive;

  constructor(stream: Stream, random: Random, faults: Faults) {
    this.#stream = stream;
    this.#random = random;
    this.#faults = faults;
    this.#clock = new SimClock(stream.startMs);
    this.#limits = drawLimits(random);
    const commits: Commit[] = [];
    this.#rates = { ...faults };
    this.#store = new FaultyStore(this.#inner, random.fork(), this.#rates, (commit) =>
      commits.push(commit),
    );
    const verdicts = new Map(stream.logs.map((log) => [log.partition, new Map()]));
    this.drive = {
      store: this.#inner,
      commits,
      verdicts,
      openWindows: Number.NaN,
      restarts: 0,
      steps: 0,
    };
    const byIndex = stream.logs.map((log) => verdicts.get(log.partition)!);
    onVerdict = (_, p, offset, code) => byIndex[p]!.set(offset, VERDICTS[code]!);
  }

  async run(): Promise<void> {
    await this.#restart();
    await this.#readAll();
    await this.#closeByTime();
    await this.#pipeline.flush();
    this.drive.openWindows = this.#pipeline.openWindows;
    const live = this.#pipeline.health().live?.ledger;
    assert.deepEqual(live, this.drive.commits.at(-1)?.status.ledger, 'flush commits all there is');
    await this.#pipeline.stop();
  }

  async #readAll(): Promise<void> {
    const pace = this.#random.pick([20, 300, 3_000]);
    while (!this.#hasReadAll()) {
      this.#clock.advance(this.#random.int(0, pace));
      await this.#turn();
      // Who is robbed every few seconds cannot see a partition idle: at last it is left in peace.
      if (this.drive.steps > 2_000) this.#endFaults();
      assert.ok(this.drive.steps < 20_000, 'the pipeline does not get to the end of the logs');
    }
  }

  #endFaults(): void {
    Object.assign(this.#rates, NO_FAULTS);
    Object.assign(this.#faults, NO_FAULTS);
  }

  #hasReadAll(): boolean {
    const places = this.#pipeline.health().live?.partitions ?? [];
    return this.#stream.logs.every((log) => {
      const last = log.records.at(-1);
      const place = places.find(({ name }) => name === log.partition);
      return last === undefined || (place !== undefined && place.position > last.offset);
    });
  }

  /** Nothing arrives any more: silence alone must close every window. */
  async #closeByTime(): Promise<void> {
    const { windowMs, allowedLatenessMs, watermarkDelayMs, idleAfterMs } = this.#stream.settings;
    const silence = windowMs + allowedLatenessMs + watermarkDelayMs + 2 * idleAfterMs + 1_000;
    if (this.#random.chance(0.3)) {
      this.#clock.advance(this.#random.int(0, silence));
      await this.#turn();
    }
    this.#endFaults();
    await this.#restart();
    await this.#readAll();
    const turns = this.#random.int(3, 25);
    for (let i = 0; i <= turns + 10; i++) {
      await this.#turn();
      this.#clock.advance(Math.ceil(silence / turns));
    }
    // A window is freed in a commit, and one without news comes at the longest interval. A turn
    // that has results to commit reads nothing, and a commit may carry as little as one.
    this.#clock.advance(this.#limits.commitMaxMs);
    for (let i = 0; i < 3; i++) await this.#turn();
    for (let i = 0; i < MOST_RESULTS && this.#pipeline.openWindows > 0; i++) await this.#turn();
  }

  /** One step of the pipeline, and what may befall it. */
  async #turn(): Promise<void> {
    this.drive.steps += 1;
    const random = this.#random;
    if (random.chance(this.#faults.stolen)) await this.#inner.claim(TASK, this.#token());
    try {
      await this.#pipeline.step();
      if (random.chance(0.3)) await new Promise(setImmediate);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      await this.#restart();
      return;
    }
    if (random.chance(this.#faults.dropped)) await this.#replace();
    if (random.chance(this.#faults.rolledBack)) await this.#rollBack();
  }

  /** The store loses what it got since the last call, as a primary does that fails over. */
  async #rollBack(): Promise<void> {
    // Lets calls end that the store has already answered.
    await new Promise(setImmediate);
    const { commits } = this.drive;
    if (this.#snapshot !== null) {
      this.#inner.rollback(this.#snapshot.content);
      commits.splice(this.#snapshot.commits);
    }
    this.#snapshot = { content: this.#inner.snapshot(), commits: commits.length };
  }

  /** Another process takes over; the one before may not have noticed yet. */
  async #replace(): Promise<void> {
    const before = this.#pipeline;
    await this.#restart();
    if (!this.#random.chance(0.3)) return;
    const mine = onVerdict;
    onVerdict = () => {};
    try {
      for (let i = 0; i < 3; i++) await before.step();
    } catch (error) {
      const lost = error instanceof ClickrateError && error.code === 'task_lost';
      if (!lost && !(error instanceof Crash)) throw error;
    } finally {
      onVerdict = mine;
    }
  }

  async #restart(): Promise<void> {
    for (;;) {
      this.drive.restarts += 1;
      this.#build();
      try {
        await this.#pipeline.start();
        return;
      } catch (error) {
        if (!(error instanceof Crash) && !isRetryable(error)) throw error;
      }
    }
  }

  #build(): void {
    const { logs, outages, floorMs, settings } = this.#stream;
    const random = this.#random;
    const number = ++this.#owner;
    const seenBy = this.#clock.process(random.int(0, 1e6));
    if (random.chance(0.1)) this.#clock.jumpWall(random.int(-1e7, 1e7));
    this.#source = new SimSource({
      logs,
      outages,
      floorMs,
      clock: this.#clock,
      seenBy,
      random: random.fork(),
      batchRecords: random.pick([1, 5, 50, 250]),
      errorRate: this.#faults.source,
      latencyMs: random.pick([0, 0, 5, 50]),
    });
    this.#pipeline = new Pipeline({
      task: TASK,
      source: this.#source,
      store: this.#store,
      clock: seenBy,
      settings,
      limits: this.#limits,
      log: silentLog,
      newToken: () => this.#token(),
      newIdKey: () => random.hex(32),
      stillOurs: async () => number === this.#owner,
      onStep: () => {
        if (random.chance(this.#faults.die / 6)) throw new Crash('a planned crash in a step');
      },
    });
  }

  #token(): string {
    return `token-${++this.#tokens}`;
  }
}

/** Runs the pipeline over `stream` to its very end. */
export async function driveStream(stream: Stream, faults?: Faults): Promise<Drive> {
  const random = new Random(stream.seed).fork();
  const driver = new Driver(stream, random, { ...(faults ?? drawFaults(random)) });
  await driver.run();
  return driver.drive;
}
