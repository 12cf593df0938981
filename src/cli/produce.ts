/** `clickrate produce`: the original's simulator, into Kafka. */
import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { LIMITS } from '../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../errors.ts';
import { Generator, type GeneratorOptions } from '../sources/generate.ts';
import { TrafficWriter } from '../sources/kafka/produce-traffic.ts';
import { Sender } from '../sources/kafka/sender.ts';
import {
  configurationOf,
  EVENT_TOPICS,
  type Flags,
  interruption,
  KAFKA_OPTIONS,
  pick,
  withOptions,
} from './command.ts';
import { withTraffic, writeTruth } from './generate.ts';
import { numberOf, wholeOf } from './numbers.ts';

const TICK_MS = 20;
const REPORT_MS = 1_000;
/** Event time goes on so fast where events are sent as fast as they can be. */
const NOMINAL_RATE = 10_000;
/** After an outage no more than this is made up for: real producers would have lost the rest. */
const CATCH_UP_MS = 5_000;
/** Bytes that may wait for brokers: what fills their connections, and what an outage may hold. */
const AT_ONCE_BYTES = 8_388_608;
const OUTAGE_BYTES = 33_554_432;

type ProduceOptions = {
  /** Good, distinct events; Infinity: until it is stopped. */
  events: number;
  signal: AbortSignal;
};

class Production {
  readonly #sender: Sender;
  readonly #generator: Generator;
  readonly #options: ProduceOptions;
  #reportedMs = 0;
  #reportedRecords = 0;

  constructor(sender: Sender, generator: Generator, options: ProduceOptions) {
    this.#sender = sender;
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
      } else await this.#upTo(nowMs, OUTAGE_BYTES);
      await systemClock.sleep(TICK_MS, signal);
    }
    if (!signal.aborted) this.#generator.rest();
  }

  /** Sends as fast as the brokers take it. */
  async atOnce(): Promise<void> {
    while (!this.#isOver) await this.#upTo(Number.POSITIVE_INFINITY, AT_ONCE_BYTES);
    if (!this.#options.signal.aborted) this.#generator.rest();
  }

  async #upTo(untilMs: number, waitingBytes: number): Promise<void> {
    const left = this.#options.events - this.#generator.events;
    const limit = Math.min(LIMITS.batchRecords / 4, left);
    this.#generator.next(untilMs, limit);
    await this.#sender.flush(waitingBytes);
    this.#report();
  }

  #report(): void {
    const nowMs = systemClock.monotonicMs();
    if (!process.stderr.isTTY || nowMs - this.#reportedMs < REPORT_MS) return;
    const { sent } = this.#sender;
    const rate = ((sent - this.#reportedRecords) * 1_000) / (nowMs - this.#reportedMs);
    process.stderr.write(`\r${sent} records, ${rate.toFixed(0)}/s   `);
    this.#reportedMs = nowMs;
    this.#reportedRecords = sent;
  }
}

function say(sentence: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}clickrate: ${sentence}\n`);
}

/** Says each sentence at most every few seconds, and what is done about it. */
function saySeldom(what: string): (sentence: string) => void {
  const saidMs = new Map<string, number>();
  return (sentence) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - (saidMs.get(sentence) ?? -Infinity) < CATCH_UP_MS) return;
    saidMs.set(sentence, nowMs);
    say(`${what}: ${sentence}`);
  };
}

/** A number, or `max`. */
function rateOf(value: string): number {
  return value === 'max' ? Number.POSITIVE_INFINITY : numberOf(value);
}

const OPTIONS = { ...KAFKA_OPTIONS, ...EVENT_TOPICS };
/** Its flags for them, which it shares with `generate`, take more than a number. */
const TRAFFIC = pick('rate', 'products', 'seed');

export function addProduce(command: Command): void {
  withOptions(command, OPTIONS)
    .option('--events <n>', 'end after so many good, distinct events', wholeOf(0))
    .option('--truth <file>', 'file for the counts by window and product (JSON); needs --events')
    .option('--start <time>', 'time of the first event; default: now, or --events ago', wholeOf(0));
  withTraffic(command, rateOf)
    .addHelpText(
      'after',
      `
Examples:
  clickrate produce                              1 500 a second, 5 products, until Ctrl-C
  clickrate produce --events 1000000 --rate max  a million, as fast as the brokers take them`,
    )
    .action((flags: Flags) => produce(flags, command));
}

/** What the environment or the file say of the traffic, where the command line does not. */
function orConfigured(command: Command, flags: Flags, options: typeof TRAFFIC): Flags {
  const of = (name: 'rate' | 'products' | 'seed') =>
    command.getOptionValueSource(name) === 'cli' ? flags[name] : options[name];
  return { rate: of('rate'), products: of('products'), seed: of('seed') };
}

async function produce(flags: Flags, command: Command): Promise<void> {
  const { events: wanted, truth, start, rate: _, products: __, seed: ___, ...rest } = flags;
  const { options } = configurationOf(rest, { ...OPTIONS, ...TRAFFIC });
  const { rate, products, seed } = orConfigured(command, flags, options);
  const events = wanted === undefined ? Number.POSITIVE_INFINITY : Number(wanted);
  const isAtOnce = rate === Number.POSITIVE_INFINITY;
  if (events === Number.POSITIVE_INFINITY && (isAtOnce || truth !== undefined))
    throw new ClickrateError('usage', '--rate max and --truth need --events');
  const eventRate = isAtOnce ? NOMINAL_RATE : Number(rate);
  const agoMs = isAtOnce ? (events / eventRate) * 1_000 * 2 : 0;
  const startMs = start === undefined ? Math.floor(Date.now() - agoMs) : Number(start);
  const traffic = { ...trafficOf(rest), products, seed, rate: eventRate };
  const topics = { impressions: options.impressionsTopic, clicks: options.clicksTopic };
  const onTrouble = saySeldom('trying again');
  const sender = new Sender(options, { giveUpMs: Number.POSITIVE_INFINITY, onTrouble });
  const writer = new TrafficWriter(sender);
  const generator = new Generator(startMs, traffic as Partial<GeneratorOptions>, writer);
  const signal = interruption();
  // A stop waits for brokers that are away so long only.
  const giveUp = () => void setTimeout(() => void sender.close(), LIMITS.stopMs).unref();
  signal.addEventListener('abort', giveUp);
  try {
    await opened(() => writer.open(topics), signal);
    const production = new Production(sender, generator, { events, signal });
    await (isAtOnce ? production.atOnce() : production.inTime());
    await sender.flush();
  } finally {
    await sender.close();
    const { sent, lost } = sender;
    // Some that were made wait for their time still, if it was stopped.
    say(`${generator.counts().events} events in ${sent} records sent`);
    if (lost > 0) say(`${lost} more were not acknowledged: they may be in the topics or not`);
  }
  if (truth !== undefined) writeTruth(String(truth), generator);
}

/** Waits for brokers and topics. Rejects with what is missing when it is stopped before. */
async function opened<T>(open: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const saySoon = saySeldom('waiting');
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isRetryable(error) || signal.aborted) throw error;
      saySoon(messageOf(error));
      await systemClock.sleep(REPORT_MS, signal);
    }
  }
}

/** The flags that say what the traffic is like. */
function trafficOf(flags: Flags): Flags {
  const names = ['zipf', 'clickDelayMs', 'disorderMs', 'late', 'duplicates', 'broken', 'ids'];
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}
