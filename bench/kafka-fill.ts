/** Fills topics with the original's traffic: events of 1 000 products. */
import { Admin, Producer } from '@platformatic/kafka';
import { Generator } from '../src/sources/generate.ts';

const SEND = 5_000;
const PRODUCT = /"product_id": "([^"]+)"/;

export type Filled = { impressions: string; clicks: string; records: number };

/** Makes both topics with `partitions` and sends at least `events` into them. */
export async function fill(bootstrap: string, events: number, partitions: number): Promise<Filled> {
  const [impressions, clicks] = [`bench-imp-${process.pid}`, `bench-clk-${process.pid}`];
  const bootstrapBrokers = bootstrap.split(',');
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers });
  const configs = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  const topics = [impressions, clicks];
  await admin.createTopics({ topics, partitions, replicas: 1, configs });
  await admin.close();
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers });
  const startMs = Date.now() - 1_800_000;
  const generator = new Generator(startMs, { rate: 10_000, products: 1_000, seed: 1 });
  let records = 0;
  while (records < events) {
    const { bytes, starts, ends, count } = generator.next(Number.POSITIVE_INFINITY, SEND);
    const messages = Array.from({ length: count }, (_, i) => {
      const value = Buffer.from(bytes.slice(starts[i], ends[i]));
      const text = value.toString('latin1');
      const topic = text.includes('"click"') ? clicks : impressions;
      return { topic, key: Buffer.from(PRODUCT.exec(text)![1]), value };
    });
    await producer.send({ messages, acks: 1 });
    records += count;
  }
  await producer.close();
  return { impressions, clicks, records };
}
