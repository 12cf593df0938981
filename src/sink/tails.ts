/** The newest records of the data topics: the largest event time that they tell. */
import type { Clock } from '../clock.ts';
import type { Limits, Settings } from '../config.ts';
import { judgeReference } from '../decode/reference.ts';
import { ClickrateError } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import type { Newest } from '../flink/heartbeat.ts';
import type { KafkaCluster } from '../sources/kafka/cluster.ts';
import { Lane } from '../sources/kafka/lane.ts';

export type TailsParts = {
  cluster: KafkaCluster;
  clock: Clock;
  limits: Limits;
  settings: Settings;
};

/** Where a topic partition's log begins and ends. */
export type DataLog = {
  name: string;
  topic: string;
  partition: number;
  first: number;
  end: number;
};

/** Records looked at behind each end that has moved. */
const TAIL_RECORDS = 100;
const ANSWER_MS = 2_000;

export class Tails {
  readonly #parts: TailsParts;
  readonly #lanes = new Map<string, Lane>();
  #wake: AbortController | null = null;
  /** The acceptable event with the largest time so far. */
  newest: Newest | null = null;

  constructor(parts: TailsParts) {
    this.#parts = parts;
  }

  /** First offset and end of each partition of `topics`. Rejects where one has no leader. */
  async logs(topics: readonly string[]): Promise<DataLog[]> {
    const { cluster } = this.#parts;
    const places: Omit<DataLog, 'first' | 'end'>[] = [];
    for (const topic of new Set(topics)) {
      const { partitions } = await cluster.topic(topic, true);
      for (const [at, { leader }] of Object.entries(partitions)) {
        const name = `${topic}-${at}`;
        if (leader < 0) throw new ClickrateError('source_unavailable', `${name} has no leader now`);
        places.push({ name, topic, partition: Number(at) });
      }
    }
    // Only now, all at once: nobody would hear of what one is refused while another is looked for.
    return Promise.all(
      places.map(async (place) => ({
        ...place,
        ...(await cluster.bounds(place.topic, place.partition)),
      })),
    );
  }

  /** Looks at the last records of a log, unless it has been read to its end. */
  async look(log: DataLog): Promise<void> {
    const { name, first, end } = log;
    const from = Math.max(first, end - TAIL_RECORDS);
    const lane = this.#lanes.get(name) ?? (await this.#lane(log, from));
    this.#lanes.set(name, lane);
    lane.position = Math.max(lane.position, from);
    const untilMs = this.#parts.clock.monotonicMs() + ANSWER_MS;
    while (lane.position < end) {
      lane.ask(0);
      if (!lane.isReady) await this.#arrival();
      const fetch = lane.take();
      if (fetch !== null) this.#note(fetch.records);
      else if (this.#parts.clock.monotonicMs() > untilMs)
        throw new ClickrateError('source_unavailable', lane.trouble ?? `${name} does not answer`);
    }
    lane.release();
  }

  async #lane({ topic, partition }: DataLog, from: number): Promise<Lane> {
    const { cluster, clock, limits } = this.#parts;
    const { id } = await cluster.topic(topic);
    const onArrival = () => this.#wake?.abort('arrived');
    const parts = { cluster, clock, limits, topic, partition, index: 0 };
    return new Lane({ ...parts, onArrival }, id, from);
  }

  async #arrival(): Promise<void> {
    this.#wake = new AbortController();
    await this.#parts.clock.sleep(ANSWER_MS / 20, this.#wake.signal);
    this.#wake = null;
  }

  #note({ bytes, count, starts, ends, arrivals }: RecordBatch): void {
    for (let i = 0; i < count; i++) {
      const judged = judgeReference(bytes, starts[i], ends[i], arrivals[i], this.#parts.settings);
      if ('reject' in judged || judged.time <= (this.newest?.time ?? -Infinity)) continue;
      this.newest = { time: judged.time, arrivalMs: arrivals[i] };
    }
  }

  /** Begins anew with the next look; what is known of events stays. */
  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }
}
