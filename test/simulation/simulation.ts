/**
 * One run: engines, brokers, group, store and network of a plan, until the faults are over and
 * everything has come to rest. Throws where a law is broken.
 */
import assert from 'node:assert/strict';
import { Random } from '../support/random.ts';
import { drawSettings, taskLogs } from '../support/streams.ts';
import { giveBackAll } from './answer-memory.ts';
import { Brokers } from './broker.ts';
import { drawPlan, type Fault, type FaultKind, type Plan } from './faults.ts';
import { Group } from './group.ts';
import { happen, type Stage } from './happen.ts';
import { Network } from './network.ts';
import { drawLimits, Node } from './node.ts';
import { readLogs } from './recount.ts';
import { type Process, Scheduler, takeImmediates } from './scheduler.ts';
import { StoreSide } from './store-side.ts';
import { Watch } from './watch.ts';

/** Arrival times are near this instant. */
const AROUND_MS = 1_760_000_000_000;
/** How long after the last fault and the last event everything must be counted and closed. */
const REST_MS = 180_000;

export type Outcome = {
  happenings: number;
  events: number;
  commits: number;
  faults: Map<FaultKind, number>;
  simulatedMs: number;
  /** What happened, line by line, where it was asked for. */
  story: string[];
};

class Crash extends Error {}

export class Simulation {
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #brokers: Brokers;
  readonly #group: Group;
  readonly #storeSide: StoreSide;
  readonly #watches: Watch[];
  readonly #nodes: Node[];
  readonly #stage: Stage;
  /** Offset behind the last record, by topic partition. */
  readonly #ends: Map<string, number>;
  readonly #startMs: number;
  readonly #lastMs: number;
  readonly #steps = new Map<number, number>();
  readonly #stepFaults: Map<string, Extract<Fault, { step: number }>>;
  #claims = 0;
  /** The faults are over. */
  #isCalm = false;
  readonly outcome: Outcome;

  constructor(plan: Plan, withStory: boolean) {
    const random = new Random(plan.seed).fork();
    this.#plan = plan;
    const settings = { ...drawSettings(random), windowMs: random.pick([1_000, 5_000, 10_000]) };
    this.#startMs = AROUND_MS + random.int(0, 100_000);
    this.#scheduler = new Scheduler(this.#startMs, random.fork());
    const scheduler = this.#scheduler;
    const logs = Array.from({ length: plan.tasks }, (_, task) =>
      taskLogs(random.fork(), {
        settings,
        startMs: this.#startMs,
        task,
        events: Math.ceil(plan.events / plan.tasks),
      }),
    );
    this.#brokers = new Brokers(logs.flat(), scheduler, random.fork());
    const arrivals = logs.flat().map((log) => log.records.at(-1)?.arrivalMs ?? 0);
    this.#lastMs = Math.max(...arrivals) - this.#startMs;
    this.#ends = new Map(
      logs.flat().map((log) => [log.partition, (log.records.at(-1)?.offset ?? -1) + 1]),
    );
    this.#watches = logs.map((pair, task) => {
      const starts = pair.map((_, p) => this.#brokers.starts[2 * task + p]!);
      return new Watch(settings, readLogs(pair, settings), starts);
    });
    this.outcome = {
      happenings: 0,
      events: plan.events,
      commits: 0,
      simulatedMs: 0,
      faults: new Map(),
      story: [],
    };
    const tell = (process: Process, line: string) => {
      if (withStory && !process.isDead) this.#tell(`${process.name}: ${line}`);
    };
    this.#network = new Network({
      scheduler,
      random: random.fork(),
      faults: plan.faults,
      onFault: (fault, process) => this.#befell(fault, process),
      crash: (process, ms) => this.#crash(process, ms),
    });
    const onClaim = () => this.#onClaim();
    const parts = [scheduler, random.fork(), this.#network, this.#watches, onClaim] as const;
    this.#storeSide = new StoreSide(...parts);
    this.#group = new Group(scheduler, random.fork(), plan.tasks, (topic, partition, offset) => {
      const durable = this.#watches[partition]!.durable[topic === 'impressions' ? 0 : 1]!;
      assert.ok(
        offset <= durable,
        `${topic}-${partition}: ${offset} acknowledged, ${durable} durable`,
      );
    });
    this.#stepFaults = new Map(
      plan.faults.flatMap((fault) =>
        fault.kind === 'crash in a step' ? [[`${fault.step} ${fault.nth}`, fault]] : [],
      ),
    );
    const world = {
      scheduler,
      network: this.#network,
      brokers: this.#brokers,
      group: this.#group,
      storeSide: this.#storeSide,
      settings,
      limits: drawLimits(random),
      tasks: plan.tasks,
      random: random.fork(),
      onStep: (process: Process, step: number) => this.#onStep(process, step),
      note: tell,
    };
    this.#nodes = Array.from({ length: plan.engines }, (_, n) => new Node(world, n));
    for (const node of this.#nodes)
      scheduler.after(random.fraction() * 500, null, () => this.#begin(node));
    this.#stage = {
      ...world,
      storeSide: this.#storeSide,
      nodes: this.#nodes,
      crash: (process, ms) => this.#crash(process, ms),
      begin: (node) => this.#begin(node),
    };
    for (const fault of plan.faults) this.#schedule(fault);
  }

  #tell(line: string): void {
    const seconds = (this.#scheduler.nowMs / 1_000).toFixed(3).padStart(8);
    this.outcome.story.push(`${seconds} s  ${line}`);
  }

  #befell(fault: Fault, who: Process | null, more = ''): void {
    const { faults } = this.outcome;
    faults.set(fault.kind, (faults.get(fault.kind) ?? 0) + 1);
    const what = 'call' in fault ? `${fault.kind} (${fault.call})` : fault.kind;
    this.#tell(`FAULT ${what}${who === null ? '' : `, ${who.name}`}${more}`);
  }

  #begin(node: Node): void {
    if (node.process.isDead) node.start();
  }

  #crash(process: Process, awayMs: number): void {
    const node = this.#nodes.find((one) => one.process === process)!;
    if (process.isDead) return;
    node.die();
    this.#scheduler.after(awayMs, null, () => this.#begin(node));
  }

  #onStep(process: Process, step: number): void {
    const nth = (this.#steps.get(step) ?? 0) + 1;
    this.#steps.set(step, nth);
    const fault = this.#stepFaults.get(`${step} ${nth}`);
    if (fault === undefined || process.isDead) return;
    this.#befell(fault, process, ` step ${step}`);
    this.#crash(process, fault.ms);
    throw new Crash();
  }

  /** Right before a claim: the store may go back to this moment, and the next claim be like it. */
  #onClaim(): void {
    const nth = ++this.#claims;
    const fault = this.#plan.faults.find(
      (one) => one.kind === 'store forgets a claim' && one.nth === nth,
    );
    if (fault?.kind !== 'store forgets a claim' || this.#isCalm) return;
    const snapshot = this.#storeSide.snapshot();
    this.#scheduler.after(fault.ms, null, () => {
      if (this.#isCalm) return;
      const gone = this.#storeSide.rollback(snapshot);
      this.#befell(fault, null, `, and ${gone} commits`);
      this.#group.rebalance();
    });
  }

  #schedule(fault: Fault): void {
    if (!('atMs' in fault)) return;
    if (fault.kind === 'store rolled back') {
      let snapshot: ReturnType<StoreSide['snapshot']> | null = null;
      this.#scheduler.after(fault.fromMs, null, () => {
        snapshot = this.#storeSide.snapshot();
      });
      this.#scheduler.after(fault.atMs, null, () => {
        if (snapshot === null) return;
        const gone = this.#storeSide.rollback(snapshot);
        this.#befell(fault, null, ` by ${gone} commits`);
      });
    } else
      this.#scheduler.after(fault.atMs, null, () => {
        if (happen(this.#stage, fault)) this.#befell(fault, null, ` ${JSON.stringify(fault)}`);
      });
  }

  async run(): Promise<Outcome> {
    const giveBack = takeImmediates(this.#scheduler);
    try {
      await this.#scheduler.run(this.#plan.faultsMs, () => false);
      this.#network.calm();
      this.#storeSide.calm();
      this.#stepFaults.clear();
      this.#isCalm = true;
      const untilMs = Math.max(this.#scheduler.nowMs, this.#lastMs) + REST_MS;
      await this.#scheduler.run(untilMs, () => this.#isAtRest());
      this.#mustBeAtRest();
      await this.#stopAll();
      await this.#checkEnd();
    } finally {
      giveBack();
      this.#summarise();
    }
    return this.outcome;
  }

  #summarise(): void {
    this.outcome.happenings = this.#scheduler.count;
    this.outcome.simulatedMs = this.#scheduler.nowMs;
    this.outcome.commits = this.#watches.reduce((sum, watch) => sum + watch.commits, 0);
  }

  #looks = 0;

  #isAtRest(): boolean {
    if (this.#looks++ % 32 !== 0) return false;
    return this.#watches.every((watch) => this.#unrest(watch) === null);
  }

  /** What a task still has to do by its last commit; null: nothing. */
  #unrest({ status }: Watch): string | null {
    if (status === null) return 'it has committed nothing';
    for (const { name, position } of status.partitions) {
      const offset = this.#ends.get(name)!;
      if (position < offset) return `${name} stands at ${position} of ${offset}`;
    }
    const newest = Math.max(...status.partitions.map(({ maxTs }) => maxTs ?? -Infinity));
    if (newest > -Infinity && !((status.finalBefore ?? -Infinity) > newest))
      return `windows up to ${newest} are not all closed: final before ${status.finalBefore}`;
    return null;
  }

  #mustBeAtRest(): void {
    this.#watches.forEach((watch, task) => {
      const unrest = this.#unrest(watch);
      assert.equal(unrest, null, `task ${task} does not come to rest: ${unrest}`);
    });
  }

  async #stopAll(): Promise<void> {
    let running = 0;
    for (const node of this.#nodes.filter((one) => one.isUp)) {
      running++;
      node.stop(() => running--);
    }
    await this.#scheduler.run(this.#scheduler.nowMs + 60_000, () => running === 0);
    assert.equal(running, 0, 'an engine does not stop');
  }

  async #checkEnd(): Promise<void> {
    const { rows } = await this.#storeSide.store.load();
    const expected = this.#watches.flatMap((watch) => [...watch.rows()]);
    const got = rows.map(({ product, latest, previous }) => [product, [latest, previous]]);
    const sorted = (list: unknown[][]) => list.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    assert.deepEqual(sorted(got), sorted(expected), 'rows of the store');
    this.#watches.forEach((watch, task) => {
      const outages = this.#brokers.outages
        .filter(({ partition }) => Math.floor(partition / 2) === task)
        .map((outage) => ({ ...outage, partition: outage.partition % 2 }));
      watch.checkEnd(this.#startMs, outages);
    });
  }
}

/** Runs the plan of `seed`, or the one given. */
export async function simulate(plan: Plan, withStory = false): Promise<Outcome> {
  try {
    return await new Simulation(plan, withStory).run();
  } finally {
    giveBackAll();
  }
}

export function planOf(seed: number, events: number): Plan {
  return drawPlan(new Random(seed), seed, events);
}
