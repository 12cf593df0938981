/** A machine that runs an engine: the real one, over the simulated network, clock and brokers. */

import { type KafkaEngine, kafkaEngineIn } from '../../src/cli/kafka-engine.ts';
import { LIMITS, type Limits, OPTIONS, type Settings } from '../../src/config.ts';
import type { Log } from '../../src/log.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { Random } from '../support/random.ts';
import type { Brokers } from './broker.ts';
import { SimConsumer } from './consumer.ts';
import type { Group } from './group.ts';
import type { Network } from './network.ts';
import { Process, type Scheduler } from './scheduler.ts';
import type { StoreSide } from './store-side.ts';

export type WorldParts = {
  scheduler: Scheduler;
  random: Random;
  network: Network;
  brokers: Brokers;
  group: Group;
  storeSide: StoreSide;
  settings: Settings;
  limits: Limits;
  tasks: number;
  /** Called as a step begins; throws where the process dies. */
  onStep(process: Process, step: number): void;
  note(process: Process, line: string): void;
};

/** What was under way when an engine stopped has ended by then. */
const SETTLE_MS = 5_000;

export function drawLimits(random: Random): Limits {
  return {
    ...LIMITS,
    batchRecords: 256,
    comebacks: random.pick([1, 3, LIMITS.comebacks]),
    keptBytes: random.pick([500, LIMITS.keptBytes, LIMITS.keptBytes]),
    openCells: random.pick([64, LIMITS.openCells, LIMITS.openCells]),
    readWaitMs: random.pick([50, 200, 400]),
  };
}

export class Node {
  readonly #parts: WorldParts;
  readonly number: number;
  #life = 0;
  process: Process;
  #engine: KafkaEngine | null = null;
  #isStopping = false;

  constructor(parts: WorldParts, number: number) {
    this.#parts = parts;
    this.number = number;
    this.process = new Process(`engine ${number}`, 0);
    this.process.isDead = true;
  }

  start(): void {
    const { scheduler, network, brokers, random, tasks, storeSide, settings, limits } = this.#parts;
    this.#life++;
    this.#isStopping = false;
    const name = `engine ${this.number} life ${this.#life}`;
    const process = new Process(name, random.int(0, 1e6));
    process.wallJumpMs = this.process.wallJumpMs;
    this.process = process;
    const options = { ...OPTIONS, onGap: 'skip' as const };
    const cluster = new KafkaCluster(options, {
      consumer: () => new SimConsumer(this.#parts, process, tasks).asConsumer(),
      connect: (address) => brokers.connect(process, network, address),
    });
    let tokens = 0;
    const engine = kafkaEngineIn(
      {
        options,
        settings,
        limits,
        log: this.#log(process),
        resetWindows: false,
        store: storeSide.link(process),
        onStep: (step) => this.#parts.onStep(process, step),
      },
      {
        clock: scheduler.clockOf(process),
        cluster,
        newToken: () => `token ${++tokens} of ${name}`,
        newIdKey: () => random.hex(32),
      },
    );
    engine.finished.catch((error: unknown) => {
      if (!process.isDead) scheduler.fail(error);
    });
    this.#engine = engine;
  }

  #log(process: Process): Log {
    const { scheduler, note } = this.#parts;
    return {
      debug() {},
      info: (fields, message) => note(process, `${message}${wordsOf(fields)}`),
      warn: (fields, message) => note(process, `${message}${wordsOf(fields)}`),
      error: (_, message) => {
        if (!process.isDead) scheduler.fail(new Error(`an error was logged: ${message}`));
      },
    };
  }

  get isUp(): boolean {
    return !this.process.isDead && !this.#isStopping;
  }

  /** The process is gone in the middle of what it does. */
  die(): void {
    this.process.isDead = true;
    this.#parts.brokers.dropOf(this.process);
  }

  /** Leaves in good order; `then` is called when it has. */
  stop(then: () => void): void {
    this.#isStopping = true;
    const { process } = this;
    void this.#engine?.stop().then(
      () =>
        this.#parts.scheduler.after(SETTLE_MS, null, () => {
          if (process.isDead) return;
          this.#mustHaveLeftNothing();
          then();
        }),
      (error: unknown) => {
        if (!process.isDead) this.#parts.scheduler.fail(error);
      },
    );
  }

  #mustHaveLeftNothing(): void {
    const { scheduler, brokers } = this.#parts;
    const { process } = this;
    const left = process.waiting + brokers.linesOf(process);
    if (left > 0)
      scheduler.fail(
        new Error(
          `${process.name} left ${process.waiting} sleeps and calls, ` +
            `${brokers.linesOf(process)} connections behind when it stopped`,
        ),
      );
    process.isDead = true;
  }
}

/** Of what a log line carries, what a story needs. */
function wordsOf(fields: object): string {
  const { task, partitions } = fields as { task?: string; partitions?: number[] };
  if (task !== undefined) return ` (task ${task})`;
  return partitions === undefined ? '' : ` (${partitions.join(', ') || 'none'})`;
}
