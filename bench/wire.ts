/** Record batches as a broker hands them over, made in memory: what a fetch would have brought. */
import { LIMITS, SETTINGS } from '../src/config.ts';
import { eventBatch } from '../src/decode/columns.ts';
import { Products } from '../src/decode/products.ts';
import { Decoder } from '../src/decode/scan.ts';
import { Task } from '../src/engine/task.ts';
import { recordBatch } from '../src/event.ts';
import { type EventOut, writeName } from '../src/sources/event-text.ts';
import { Generator } from '../src/sources/generate.ts';
import { BatchWalk } from '../src/sources/kafka/batches.ts';
import { AnswerBuffers } from '../src/sources/kafka/buffers.ts';
import { ProduceBatch } from '../src/sources/kafka/produce-batch.ts';
import { partitionOf } from '../src/sources/kafka/produce-partition.ts';
import { EVENTS_PER_WINDOW } from './event-files.ts';
import { rateOf } from './kafka-fill.ts';

const START = 1_700_000_000_000;
/** Behind the time of every event. */
const ARRIVAL = START + 1e9;
const SEED = 11;
const PRODUCTS = 1_000;
const NAME_BYTES = 64;
const ROWS = 4_096;
const BATCH_RECORDS = 1_000;
/** Answers of a fetch are so large, and a batch more. */
const ANSWER_BYTES = LIMITS.fetchBytes;
const BUFFERS = new AnswerBuffers(2 * ANSWER_BYTES, 0);
const AWAKE = { partitions: [0, 1].map(() => ({ idle: false, passed: false })), silenceMs: 0 };

/** By topic (impressions, clicks): answers to the fetches of one partition. */
export type TaskBytes = { answers: Buffer[][]; events: number };

/** Batches of one topic partition, joined into answers. */
class Log {
  readonly answers: Buffer[] = [];
  events = 0;
  readonly #batch = new ProduceBatch('bench', 'bench', 0);
  #waiting: Buffer[] = [];
  #bytes = 0;
  #offset = 0;

  add(event: Parameters<EventOut['event']>): void {
    if (this.#batch.count === 0) this.#batch.clear(ARRIVAL);
    this.#batch.addEvent(...event);
    this.events++;
    if (this.#batch.count === BATCH_RECORDS) this.seal();
  }

  seal(): void {
    const { count, size } = this.#batch;
    if (count === 0) return;
    const request = this.#batch.sealed({ id: -1n, epoch: -1 }, -1);
    // Behind the batch lie three bytes of the request.
    const batch = Buffer.from(request.subarray(request.length - 3 - size, request.length - 3));
    // The broker writes the offset, which the checksum does not cover.
    batch.writeBigInt64BE(BigInt(this.#offset), 0);
    this.#offset += count;
    this.#batch.clear(ARRIVAL);
    this.#waiting.push(batch);
    this.#bytes += size;
    if (this.#bytes >= ANSWER_BYTES) this.end();
  }

  end(): void {
    if (this.#waiting.length > 0) this.answers.push(Buffer.concat(this.#waiting));
    this.#waiting = [];
    this.#bytes = 0;
  }
}

/** Generated events into the logs of those partitions that are wanted. */
class Logs implements EventOut {
  readonly tasks: readonly [Log, Log][];
  /** By product: the index of its task, -1 for one that is not wanted. */
  readonly #taskOf: number[];

  constructor(partitions: number, tasks: readonly number[]) {
    this.tasks = tasks.map(() => [new Log(), new Log()]);
    const name = new Uint8Array(NAME_BYTES);
    this.#taskOf = Array.from({ length: PRODUCTS + 1 }, (_, product) => {
      const end = writeName(new DataView(name.buffer), 0, product);
      return tasks.indexOf(partitionOf(name, 0, end, partitions));
    });
  }

  event(...event: Parameters<EventOut['event']>): void {
    const [kind, product] = event;
    const task = this.#taskOf[product];
    if (task >= 0) this.tasks[task][kind].add(event);
  }

  raw(): void {
    throw new Error('no broken records were asked for');
  }
}

/** The traffic of `tasks` of `partitions` partitions: the same whoever makes which. */
export function wireBytes(
  events: number,
  partitions: number,
  tasks: readonly number[],
): TaskBytes[] {
  const rate = rateOf(EVENTS_PER_WINDOW);
  const logs = new Logs(partitions, tasks);
  const generator = new Generator(START, { products: PRODUCTS, rate, seed: SEED }, logs);
  while (generator.events < events)
    generator.next(Infinity, Math.min(ROWS, events - generator.events));
  return logs.tasks.map((pair) => {
    for (const log of pair) {
      log.seal();
      log.end();
    }
    return { answers: pair.map((log) => log.answers), events: pair[0].events + pair[1].events };
  });
}

/** Checksum, records, decode, windows of one task; throws when an event was not counted. */
export function countTask({ answers, events }: TaskBytes): void {
  const products = new Products({ maxProducts: SETTINGS.maxProducts });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4), {});
  const places = ['impressions', 'clicks'].map((name) => ({ name, topicId: name }));
  const task = new Task(SETTINGS, LIMITS, places, '0'.repeat(32));
  const walks = places.map(({ name }) => new BatchWalk(name, LIMITS.batchBytes));
  const records = recordBatch(new Uint8Array(0), 1_024);
  const columns = eventBatch(LIMITS.batchRecords);
  const rounds = Math.max(...answers.map(({ length }) => length));
  for (let n = 0; n < rounds; n++) {
    // Impressions are more than clicks: both go on evenly, as their time does.
    for (const [p, all] of answers.entries()) {
      const [from, to] = [n, n + 1].map((at) => Math.floor((at * all.length) / rounds));
      for (const bytes of all.slice(from, to)) {
        const walk = walks[p];
        // As a connection puts it where it is read.
        const buffer = BUFFERS.take(bytes.length);
        bytes.copy(buffer);
        walk.begin({ bytes: buffer, start: 0, end: bytes.length, aborted: [] }, walk.position);
        while (!walk.isDone) {
          walk.next(records, ARRIVAL);
          for (let row = 0; row < records.count; ) {
            const end = Math.min(records.count, row + columns.capacity);
            decoder.decode(records, row, end, columns);
            for (; row < end; ) row = task.apply(p, records, columns, row).next;
          }
        }
        BUFFERS.give(buffer);
      }
    }
    task.admit(products.takeNew());
    task.advance(AWAKE);
    while (task.due() === 'now') {
      const { claims } = task.collect(products, 20_000);
      task.answer(claims, new Set());
    }
  }
  const { counted } = task.status([0, 0]).ledger.verdicts;
  if (counted !== events) throw new Error(`${counted} of ${events} events were counted`);
}
