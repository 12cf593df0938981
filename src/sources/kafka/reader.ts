/** Reads a topic with its headers and keys, record by record: for people and repairs, not speed. */
import { systemClock } from '../../clock.ts';
import { LIMITS } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { RecordBatch } from '../../event.ts';
import type { KafkaOptions } from './client.ts';
import { KafkaCluster } from './cluster.ts';
import { headersAt } from './headers.ts';
import { Lane } from './lane.ts';

export type ReadRecord = {
  partition: number;
  offset: number;
  timeMs: number;
  key: Buffer | null;
  /** Empty where it is a tombstone. */
  value: Buffer;
  headers: Record<string, string>;
};

export type ReadPlan = {
  topic: string;
  /** Where each partition is begun. */
  from: 'earliest' | 'latest';
  /** Stops at the end as it is now; else it goes on until `signal` is aborted. */
  toEnd: boolean;
  signal: AbortSignal;
};

/** How long a broker waits for a record before it answers that there is none. */
const POLL_MS = 250;
/** Longer than a broker's fail-over takes. */
const GIVE_UP_MS = 20_000;

/** `end`: what there was to read when it began. */
type Place = { partition: number; end: number; lane: Lane; troubledAtMs: number | null };

/**
 * The committed records of a topic, partition by partition interleaved; it ends without an error
 * when the signal is aborted. Throws `source_unavailable`, `source_gap`, `source_damaged`.
 */
export async function* readTopic(
  options: KafkaOptions,
  plan: ReadPlan,
): AsyncGenerator<ReadRecord, void> {
  const { signal, toEnd } = plan;
  if (signal.aborted) return;
  const cluster = new KafkaCluster({ ...options, group: options.clientId, groupInstance: '' });
  const wait = { wake: new AbortController() };
  let places: Place[] = [];
  try {
    places = await placesOf(cluster, plan, () => wait.wake.abort());
    for (;;) {
      const open = places.filter(({ lane, end }) => !toEnd || lane.position < end);
      if (signal.aborted || (toEnd && open.length === 0)) return;
      for (const { lane } of open) lane.ask(POLL_MS);
      wait.wake = new AbortController();
      if (!open.some(({ lane }) => lane.isReady))
        await systemClock.sleep(POLL_MS, AbortSignal.any([wait.wake.signal, signal]));
      for (const place of open) yield* recordsOf(place, plan);
    }
  } finally {
    for (const { lane } of places) lane.close();
    await cluster.close();
  }
}

async function placesOf(cluster: KafkaCluster, { topic, from }: ReadPlan, onArrival: () => void) {
  const { id, partitionsCount } = await cluster.topic(topic, true);
  return Promise.all(
    Array.from({ length: partitionsCount }, async (_, partition): Promise<Place> => {
      const { first, end } = await cluster.bounds(topic, partition);
      const parts = { cluster, clock: systemClock, limits: LIMITS, topic, partition };
      const at = from === 'earliest' ? first : end;
      const lane = new Lane({ ...parts, index: partition, onArrival }, id, at);
      return { partition, end, lane, troubledAtMs: null };
    }),
  );
}

/** What has come of a partition. */
function* recordsOf(place: Place, { toEnd }: ReadPlan): Generator<ReadRecord> {
  const { partition, lane, end } = place;
  mustNotFailForEver(place);
  const fetch = lane.take();
  if (fetch === null) return;
  const { records } = fetch;
  for (let i = 0; i < records.count; i++)
    if (!toEnd || records.offsets[i] < end) yield recordAt(records, i, partition);
}

function mustNotFailForEver(place: Place): void {
  const { trouble } = place.lane;
  if (trouble === null) place.troubledAtMs = null;
  else {
    place.troubledAtMs ??= systemClock.monotonicMs();
    if (systemClock.monotonicMs() - place.troubledAtMs > GIVE_UP_MS)
      throw new ClickrateError('source_unavailable', trouble);
  }
}

function recordAt(records: RecordBatch, i: number, partition: number): ReadRecord {
  const { bytes, starts, ends, offsets, arrivals } = records;
  const [keyStart, keyEnd] = [records.keyStarts![i], records.keyEnds![i]];
  return {
    partition,
    offset: offsets[i],
    timeMs: arrivals[i],
    key: keyEnd < keyStart ? null : Buffer.from(bytes.subarray(keyStart, keyEnd)),
    value: Buffer.from(bytes.subarray(starts[i], ends[i])),
    headers: headersAt(bytes, ends[i]),
  };
}
