/**
 * Buffers for the answers of brokers, shared by all lanes of a process. The one given back last is
 * taken first: its bytes are still in a cache near the processor. Those of usual answers lie in the
 * memory of code while there is room, so that their records are read where they came to.
 */
import { isInMemory, MEMORY, partOf } from '../../code-memory.ts';
import { LIMITS } from '../../config.ts';

/** Room behind an answer: a read that does not fill its buffer is known to have brought all. */
const BEHIND = 64;

/** Of an answer, beside the records that were asked for. */
const HEAD_BYTES = 1_024;

export class AnswerBuffers {
  readonly #unit: number;
  readonly #mostFreeBytes: number;
  /** Free ones in the memory of code, and others: of one unit or more. */
  readonly #near: Buffer[] = [];
  readonly #others: Buffer[] = [];
  #freeBytes = 0;

  /**
   * @param usualBytes most bytes of a usual answer
   * @param mostFreeBytes of free buffers that are kept, but for those in the memory of code, which
   *   cannot be given back to the system
   */
  constructor(usualBytes: number, mostFreeBytes: number) {
    this.#unit = usualBytes + BEHIND;
    this.#mostFreeBytes = mostFreeBytes;
  }

  /** A buffer for an answer of `size` bytes, perhaps with bytes of another one in it. */
  take(size: number): Buffer {
    const wanted = size + BEHIND;
    return (wanted <= this.#unit ? this.#takeNear() : null) ?? this.#takeOther(wanted);
  }

  #takeNear(): Buffer | null {
    const free = this.#near.pop();
    if (free !== undefined) return free;
    const at = partOf(this.#unit);
    return at === null ? null : Buffer.from(MEMORY.buffer, at, this.#unit);
  }

  #takeOther(wanted: number): Buffer {
    const free = this.#others.pop();
    this.#freeBytes -= free?.length ?? 0;
    if (free !== undefined && free.length >= wanted) return free;
    // One that is too small is left to the collector: what comes now is likely to come again.
    return Buffer.allocUnsafeSlow(Math.ceil(wanted / this.#unit) * this.#unit);
  }

  /** Takes back what `take` gave: nobody reads it any more. */
  give(buffer: Buffer): void {
    if (isInMemory(buffer)) this.#near.push(buffer);
    else if (this.#freeBytes + buffer.length <= this.#mostFreeBytes) {
      this.#others.push(buffer);
      this.#freeBytes += buffer.length;
    }
  }
}

/** Those of all lanes of the process, as is the memory they lie in. */
export const answerBuffers = new AnswerBuffers(
  LIMITS.fetchBytes + HEAD_BYTES,
  LIMITS.freeAnswerBytes,
);
