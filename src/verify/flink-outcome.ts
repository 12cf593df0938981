/** The outcome of a Flink job, from the topics that it wrote. */
import { parseFlinkTime } from '../flink/iso-time.ts';
import { HEADERS } from '../sources/kafka/rejected.ts';
import { type Outcome, placeOf, windowKey } from './outcome.ts';
import type { VerifyTopics } from './topics.ts';

/** Where the job wrote. */
export type Outputs = Pick<VerifyTopics, 'names' | 'read'>;

type Row = { product_id: string; window_start: string; impressions: number; clicks: number };

/**
 * `received`: records in the data topics. Of these the job counted the sum of its windows, and
 * rejected what is in the topic of rejected events; the rest must be duplicates.
 */
export async function flinkOutcome(topics: Outputs, received: number): Promise<Outcome> {
  const windows = await readWindows(topics);
  const ledger: Outcome['ledger'] = new Map([['received', received]]);
  const kept: Outcome['kept'] = new Map();
  let rest = received;
  const add = (verdict: string, events: number) => {
    ledger.set(verdict, (ledger.get(verdict) ?? 0) + events);
    rest -= events;
  };
  for (const { impressions, clicks } of windows.values()) add('counted', impressions + clicks);
  for await (const { headers } of topics.read(topics.names.rejected)) {
    const partition = `${headers[HEADERS.topic]}-${headers[HEADERS.partition]}`;
    kept.set(placeOf(partition, Number(headers[HEADERS.offset])), headers[HEADERS.reason]);
    add(headers[HEADERS.reason], 1);
  }
  if (rest !== 0) ledger.set('duplicate', rest);
  return { engine: 'flink', ledger, windows, kept };
}

/** The last row of each window; a tombstone that is the last means that there is none. */
async function readWindows(topics: Outputs): Promise<Outcome['windows']> {
  const windows: Outcome['windows'] = new Map();
  for await (const { key, value } of topics.read(topics.names.results)) {
    const named = JSON.parse(String(key)) as Row;
    const startMs = parseFlinkTime(named.window_start);
    const name = windowKey(named.product_id, startMs);
    const isTombstone = value === null || value.length === 0;
    if (isTombstone) {
      windows.delete(name);
      continue;
    }
    const { impressions, clicks } = JSON.parse(value.toString()) as Row;
    windows.set(name, { product: named.product_id, startMs, impressions, clicks, ctr: null });
  }
  return windows;
}
