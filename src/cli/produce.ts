/** `clickrate produce`: the original's simulator, into Kafka. */
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { LIMITS } from '../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import { Generator, type GeneratorOptions } from '../sources/generate.ts';
import { KafkaIngest } from '../sources/kafka/ingest.ts';
import { Sender } from '../sources/kafka/sender.ts';
import {
  configurationOf,
  type Flags,
  interruption,
  KAFKA_OPTIONS,
  numberOf,
  withOptions,
} from './command.ts';
import { withTraffic, writeTruth } from './generate.ts';

const TICK_MS = 20;
const REPORT_MS = 1_000;
/** Event time goes on so fast where events are sent as fast as they can be. */
const NOMINAL_RATE = 10_000;
/** After an outage no more than this is made up for: real producers would have lost the rest. */
const CATCH_UP_MS = 5_000;

type ProduceOptions = {
  /** Good, distinct events; Infinity: until it is stopped. */
  events: number;
  signal: AbortSignal;
};

class Production {
  readonly #ingest: KafkaIngest;
  readonly #generator: Generator;
  readonly #options: ProduceOptions;
  #reportedMs = 0;
  #reportedRecords = 0;
  records = 0;
  /** Sends that were tried again as a whole: some of their records may be there twice. */
  repeats = 0;

  constructor(ingest: KafkaIngest, generator: Generator, options: ProduceOptions) {
    this.#ingest = ingest;
    this.#generator = generator;
    this.#options = options;
  }

  get #isOver(): boolean {
    return this.#options.signal.aborted || this.#generator.events >= this.#options.events;
  }

  /** Sends each event at its time, until there are enough or it is stopped. */
  async inTime(): Promise<void> {
    const { signal } = this.#options;
    let lagMs = 0;
    while (!this.#isOver) {
      const nowMs = systemClock.wallMs() - lagMs;
      const behindMs = nowMs - this.#generator.nowMs;
      if (behindMs > CATCH_UP_MS) {
        lagMs += behindMs;
        say(`${(behindMs / 1_000).toFixed(0)} s could not be sent in time and are left out`);
      } else await this.#upTo(nowMs);
      await systemClock.sleep(TICK_MS, signal);
    }
    if (!signal.aborted) await this.#rest();
  }

  /** Sends as fast as the brokers take it. */
  async atOnce(): Promise<void> {
    while (!this.#isOver) await this.#upTo(Number.POSITIVE_INFINITY);
    await this.#rest();
  }

  async #upTo(untilMs: number): Promise<void> {
    const left = this.#options.events - this.#generator.events;
    await this.#send(this.#generator.next(untilMs, Math.min(LIMITS.batchRecords / 4, left)));
  }

  async #rest(): Promise<void> {
    await this.#send(this.#generator.rest());
  }

  async #send(batch: RecordBatch): Promise<void> {
    let waitMs = LIMITS.retryMinMs;
    for (;;) {
      try {
        await this.#ingest.push(batch);
        break;
      } catch (error) {
        if (!isRetryable(error) || this.#options.signal.aborted) throw error;
        say(`waiting: ${messageOf(error)}`);
        this.repeats++;
        await systemClock.sleep(waitMs, this.#options.signal);
        waitMs = Math.min(waitMs * 2, LIMITS.retryMaxMs);
      }
    }
    this.records += batch.count;
    this.#report();
  }

  #report(): void {
    const nowMs = systemClock.monotonicMs();
    if (!process.stderr.isTTY || nowMs - this.#reportedMs < REPORT_MS) return;
    const rate = ((this.records - this.#reportedRecords) * 1_000) / (nowMs - this.#reportedMs);
    process.stderr.write(`\r${this.records} records, ${rate.toFixed(0)}/s   `);
    this.#reportedMs = nowMs;
    this.#reportedRecords = this.records;
  }
}

function say(sentence: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}clickrate: ${sentence}\n`);
}

/** A number, or `max`. */
function rateOf(value: string): number {
  return value === 'max' ? Number.POSITIVE_INFINITY : numberOf(value);
}

export function addProduce(top: Command): void {
  const command = withOptions(top.command('produce'), KAFKA_OPTIONS)
    .description("send the original demo's traffic to Kafka until it is stopped")
    .option('--events <n>', 'end after so many good, distinct events', numberOf)
    .option('--truth <file>', 'file for the counts by window and product (JSON); needs --events')
    .option('--start <time>', 'time of the first event; default: now, or --events ago', numberOf);
  withTraffic(command, rateOf)
    .addHelpText(
      'after',
      `
Examples:
  clickrate produce                              1 500 a second, 5 products, until Ctrl-C
  clickrate produce --events 1000000 --rate max  a million, as fast as the brokers take them`,
    )
    .action(produce);
}

async function produce(flags: Flags): Promise<void> {
  const { events: wanted, truth, start, rate, products, seed, ...rest } = flags;
  const { options } = configurationOf(rest);
  const events = wanted === undefined ? Number.POSITIVE_INFINITY : Number(wanted);
  const isAtOnce = rate === Number.POSITIVE_INFINITY;
  if (events === Number.POSITIVE_INFINITY && (isAtOnce || truth !== undefined))
    throw new ClickrateError('usage', '--rate max and --truth need --events');
  const eventRate = isAtOnce ? NOMINAL_RATE : Number(rate);
  const agoMs = isAtOnce ? (events / eventRate) * 1_000 * 2 : 0;
  const startMs = start === undefined ? Math.floor(Date.now() - agoMs) : Number(start);
  const traffic = { ...trafficOf(rest), products, seed, rate: eventRate };
  const generator = new Generator(startMs, traffic as Partial<GeneratorOptions>);
  const sender = new Sender(options);
  const topics = { impressions: options.impressionsTopic, clicks: options.clicksTopic };
  const ingest = new KafkaIngest(sender, topics, LIMITS);
  const kept = truth === undefined ? null : String(truth);
  const signal = interruption();
  const production = new Production(ingest, generator, { events, signal });
  try {
    await (isAtOnce ? production.atOnce() : production.inTime());
  } finally {
    await sender.close();
    const { records, repeats } = production;
    say(`${generator.events} events in ${records} records sent`);
    if (repeats > 0) say(`${repeats} sends were repeated: some records may be there twice`);
  }
  if (kept !== null) writeTruth(kept, generator);
}

/** The flags that say what the traffic is like. */
function trafficOf(flags: Flags): Flags {
  const names = ['zipf', 'clickDelayMs', 'disorderMs', 'late', 'duplicates', 'broken', 'ids'];
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}
