/** Fills topics with the original's traffic as `produce --rate max` does. */
import { Admin } from '@platformatic/kafka';
import { OPTIONS } from '../src/config.ts';
import { Generator } from '../src/sources/generate.ts';
import { TrafficWriter } from '../src/sources/kafka/produce-traffic.ts';
import { Sender } from '../src/sources/kafka/sender.ts';
import { topicsKnown } from '../src/sources/kafka/topic-known.ts';
import { cpuSeconds } from './measure.ts';
import { grouped } from './report.ts';

const BATCH = 4_096;
const WAITING_BYTES = 8_388_608;
const WINDOW_SECONDS = 10;
/** Of a hundred slots of the generator so many become events: some click tries do not. */
const EVENTS_OF_SLOTS = 0.82;
/** So many events are measured for the bytes of one. */
const MEASURED = 50_000;
const SEED = 1;

export type Traffic = {
  events: number;
  partitions: number;
  products: number;
  eventsPerWindow: number;
};

export type Filled = Traffic & {
  impressions: string;
  clicks: string;
  /** A value, on average. */
  bytesPerEvent: number;
  /** What it took this process to make and send them. */
  cpuPerMillion: number;
};

let filledTopics = 0;

/** Slots a second of event time, so that a window of 10 s has so many events. */
export function rateOf(eventsPerWindow: number): number {
  return Math.round(eventsPerWindow / WINDOW_SECONDS / EVENTS_OF_SLOTS);
}

/** Makes both topics and sends exactly so many events into them. */
async function fill(bootstrap: string, traffic: Traffic): Promise<Filled> {
  const { events, eventsPerWindow } = traffic;
  const topics = await makeTopics(bootstrap, traffic.partitions);
  const startMs = Date.now() - 2 * eventTimeMs(events, eventsPerWindow);
  return { ...traffic, ...topics, ...(await pour(bootstrap, topics, traffic, startMs)) };
}

/** How much event time so many events take. */
export function eventTimeMs(events: number, eventsPerWindow: number): number {
  return (events / eventsPerWindow) * WINDOW_SECONDS * 1_000;
}

export async function makeTopics(bootstrap: string, partitions: number) {
  const n = filledTopics++;
  const [impressions, clicks] = [`bench-imp-${process.pid}-${n}`, `bench-clk-${process.pid}-${n}`];
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: bootstrap.split(',') });
  const configs = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  await admin.createTopics({ topics: [impressions, clicks], partitions, replicas: 1, configs });
  await admin.close();
  const options = { ...OPTIONS, brokers: bootstrap };
  await topicsKnown(options, bootstrap.split(','), [impressions, clicks], partitions);
  return { impressions, clicks };
}

/** Sends events whose time begins at `startMs`; answers what was sent and what that took. */
export async function pour(
  bootstrap: string,
  topics: Pick<Filled, 'impressions' | 'clicks'>,
  { events, products, eventsPerWindow }: Traffic,
  startMs: number,
): Promise<Pick<Filled, 'bytesPerEvent' | 'cpuPerMillion'>> {
  const before = cpuSeconds();
  const sender = new Sender({ ...OPTIONS, brokers: bootstrap });
  const writer = new TrafficWriter(sender);
  await writer.open(topics);
  const shape = { rate: rateOf(eventsPerWindow), products, seed: SEED };
  const generator = new Generator(startMs, shape, writer);
  while (generator.events < events) {
    generator.next(Infinity, Math.min(BATCH, events - generator.events));
    await sender.flush(WAITING_BYTES);
  }
  await sender.flush();
  const { sent } = sender;
  await sender.close();
  if (sent !== events) throw new Error(`${sent} of ${events} events were sent`);
  const cpuPerMillion = ((cpuSeconds() - before) / events) * 1e6;
  return { bytesPerEvent: bytesOf(new Generator(startMs, shape)), cpuPerMillion };
}

/** The bytes of an event, on average over the first ones. */
function bytesOf(generator: Generator): number {
  const { starts, ends, count } = generator.next(Infinity, MEASURED);
  return (ends[count - 1] - starts[0]) / count;
}

/** The same traffic twice: in few events and in many. */
export type Pair = { short: Filled; long: Filled };

export async function fillPair(
  bootstrap: string,
  traffic: Omit<Traffic, 'events'>,
  sizes: { short: number; long: number },
): Promise<Pair> {
  const short = await fill(bootstrap, { ...traffic, events: sizes.short });
  return { short, long: await fill(bootstrap, { ...traffic, events: sizes.long }) };
}

/** Events, bytes an event, partitions, products, events a window, for a table. */
export function loadOf(filled: Filled, few: number, many = few): string {
  const { bytesPerEvent, partitions, products, eventsPerWindow } = filled;
  const millions = (events: number) => `${+(events / 1e6).toFixed(2)} M`;
  return (
    `${few === many ? '' : `${millions(few)} and `}${millions(many)} events of ` +
    `${bytesPerEvent.toFixed(0)} bytes, ${partitions} + ${partitions} partitions, ` +
    `${grouped(products)} products, ${millions(eventsPerWindow)} a window`
  );
}
