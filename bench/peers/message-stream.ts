/**
 * The peer: what one would write with the same client library. Its message stream, `JSON.parse`, a
 * Map of counts by product and window; no store, no checkpoint, no ledger. Prints the CPU time of
 * the process since its launch. Arguments: brokers, topics by comma, records to read.
 */
import { Consumer } from '@platformatic/kafka';
import { peakMbOf } from '../peak.ts';

type Event = { product_id: string; timestamp: number; event_type: string };

const [brokers, topics, wanted] = process.argv.slice(2);
const consumer = new Consumer({
  clientId: 'peer',
  groupId: `peer-${process.pid}`,
  bootstrapBrokers: brokers.split(','),
  autocommit: false,
});
const stream = await consumer.consume({
  topics: topics.split(','),
  mode: 'earliest',
  // Smaller fetches suit it better than its default of 50 MB.
  maxBytes: 2_097_152,
  maxWaitTime: 50,
});
const counts = new Map<string, { impressions: number; clicks: number }>();
let read = 0;
await new Promise<void>((resolve) => {
  stream.on('data', ({ value }) => {
    const event = JSON.parse(value.toString()) as Event;
    const key = `${event.product_id} ${Math.floor(event.timestamp / 10_000)}`;
    let count = counts.get(key);
    if (count === undefined) {
      count = { impressions: 0, clicks: 0 };
      counts.set(key, count);
    }
    if (event.event_type === 'click') count.clicks++;
    else count.impressions++;
    if (++read === Number(wanted)) resolve();
  });
});
const { user, system } = process.cpuUsage();
const cpuSeconds = (user + system) / 1e6;
const counted = [...counts.values()].reduce(
  (sum, { impressions, clicks }) => sum + impressions + clicks,
  0,
);
if (counted !== read) throw new Error(`${counted} of ${read} events were counted`);
process.stdout.write(`${JSON.stringify({ read, cpuSeconds, peakMb: peakMbOf(process.pid) })}\n`);
process.exit(0);
