/** Generated events as records of one growing buffer, without an object an event. */
import { type RecordBatch, recordBatch } from '../event.ts';
import { viewOf } from '../text-bytes.ts';
import { type EventOut, LONGEST_EVENT, writeEvent } from './event-text.ts';

const NEWLINE = 0x0a;

export class EventWriter implements EventOut {
  /** A newline lies behind each record. */
  batch = recordBatch(new Uint8Array(262_144), 1_024);
  #view = viewOf(this.batch.bytes);
  #at = 0;

  clear(): void {
    this.batch.count = 0;
    this.#at = 0;
  }

  event(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
    from: number,
  ): void {
    this.#begin(LONGEST_EVENT);
    this.#at = writeEvent(this.#view, this.#at, kind, product, ts, user, session, id, from);
    this.#end();
  }

  raw(bytes: Uint8Array): void {
    this.#begin(bytes.length + 1);
    this.batch.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#end();
  }

  #begin(size: number): void {
    const { batch } = this;
    if (batch.count === batch.starts.length || this.#at + size > batch.bytes.length) {
      this.batch = enlarged(batch, this.#at + size);
      this.#view = viewOf(this.batch.bytes);
    }
    this.batch.starts[this.batch.count] = this.#at;
  }

  #end(): void {
    this.batch.ends[this.batch.count++] = this.#at;
    this.#view.setInt8(this.#at++, NEWLINE);
  }
}

/** The records of an `EventWriter` as lines, each with its newline. */
export function linesOf({ bytes, count, ends }: RecordBatch): Uint8Array {
  return bytes.subarray(0, count === 0 ? 0 : ends[count - 1] + 1);
}

function enlarged(batch: RecordBatch, size: number): RecordBatch {
  const bytes = new Uint8Array(Math.max(size, batch.bytes.length * 2));
  const larger = recordBatch(bytes, batch.starts.length * 2);
  for (const column of ['bytes', 'starts', 'ends'] as const) larger[column].set(batch[column]);
  larger.count = batch.count;
  return larger;
}
