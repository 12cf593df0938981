/** Fills topics with the original's traffic as `produce --rate max` does. */
import { Admin } from '@platformatic/kafka';
import { OPTIONS } from '../src/config.ts';
import { Generator } from '../src/sources/generate.ts';
import { TrafficWriter } from '../src/sources/kafka/produce-traffic.ts';
import { Sender } from '../src/sources/kafka/sender.ts';
import { cpuSeconds } from './measure.ts';

const BATCH = 4_096;
const WAITING_BYTES = 8_388_608;

export type Traffic = {
  events: number;
  partitions: number;
  products: number;
  /** Events a second of event time, so that a window of 10 s has ten times as many. */
  rate: number;
};

export type Filled = {
  impressions: string;
  clicks: string;
  records: number;
  /** What it took this process to make and send them. */
  cpuPerMillion: number;
};

let filledTopics = 0;

/** Makes both topics and sends at least so many events into them. */
export async function fill(bootstrap: string, traffic: Traffic): Promise<Filled> {
  const { events, partitions, products, rate } = traffic;
  const n = filledTopics++;
  const [impressions, clicks] = [`bench-imp-${process.pid}-${n}`, `bench-clk-${process.pid}-${n}`];
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: bootstrap.split(',') });
  const configs = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  await admin.createTopics({ topics: [impressions, clicks], partitions, replicas: 1, configs });
  await admin.close();
  const before = cpuSeconds();
  const sender = new Sender({ ...OPTIONS, brokers: bootstrap });
  const writer = new TrafficWriter(sender);
  await writer.open({ impressions, clicks });
  const startMs = Date.now() - (events / rate) * 2_000;
  const generator = new Generator(startMs, { rate, products, seed: 1 }, writer);
  while (generator.events < events) {
    generator.next(Number.POSITIVE_INFINITY, Math.min(BATCH, events - generator.events));
    await sender.flush(WAITING_BYTES);
  }
  await sender.flush();
  const records = sender.sent;
  await sender.close();
  return { impressions, clicks, records, cpuPerMillion: ((cpuSeconds() - before) / records) * 1e6 };
}
