/**
 * Which event ids were counted: per topic partition, product and kind, remembered in one bucket a
 * window until the partition's watermark is `idMemoryMs` past the window's end.
 */
import type { Settings } from '../config.ts';
import type { EventBatch } from '../decode/columns.ts';
import { copyOf } from '../event.ts';
import { ID_PARTS } from '../part-names.ts';
import type { Part } from '../status.ts';
import { IdTable, PAGE_IDS } from './ids.ts';
import { PackReader } from './packing.ts';

/** So many rows are judged at once, and what they look at is brought near at once. */
export const MOST_ROWS = 128;
/** Ids of one checkpoint part, whole pages: only the last part of a bucket changes as ids come. */
const PART_IDS = 4096;

type Bucket = {
  partition: number;
  end: number;
  /** Pages of ids, in the order they came. */
  pages: number[];
  count: number;
  /** Ids already written to checkpoint parts. */
  written: number;
};

export class Duplicates {
  readonly #table = new IdTable();
  readonly #buckets = new Map<string, Bucket>();
  readonly #settings: Settings;
  /** By partition: the watermark at which its oldest bucket is forgotten. */
  readonly forgetAt: Float64Array;
  #removedParts: string[] = [];
  dropped = 0;
  /** The mixed id of the event at hand; set by `seen`, used by `remember`. */
  readonly #id = new Int32Array(4);
  /** First words of the mixed ids of the rows at hand. */
  readonly #firsts = new Int32Array(MOST_ROWS);
  /** Bucket of the last remembered id: the next one is mostly in it too. */
  #last: Bucket | null = null;

  constructor(settings: Settings, partitions: number) {
    this.#settings = settings;
    this.forgetAt = new Float64Array(partitions).fill(Infinity);
  }

  get size(): number {
    return this.#table.size;
  }

  /**
   * Whether the id in `words[4i..]` was counted before, in this scope: topic partition, product and
   * kind.
   */
  seen(words: Uint32Array, i: number, partition: number, product: number, kind: number): boolean {
    const id = this.#id;
    id[0] = words[4 * i] ^ scopeOf(partition, product, kind);
    id[1] = words[4 * i + 1];
    id[2] = words[4 * i + 2];
    id[3] = words[4 * i + 3];
    return this.#table.find(id);
  }

  /** Brings near what is looked at for the ids of rows `[from, to)`, at most `MOST_ROWS`. */
  touch(events: EventBatch, partition: number, from: number, to: number): void {
    this.#mixFirsts(events, partition, from, to);
    this.#table.touch(this.#firsts, to - from);
  }

  #mixFirsts({ id, product, kind }: EventBatch, partition: number, from: number, to: number): void {
    const firsts = this.#firsts;
    for (let i = from; i < to; i++)
      firsts[i - from] = id[4 * i] ^ scopeOf(partition, product[i], kind[i]);
  }

  /**
   * Judges rows `[from, to)`, at most `MOST_ROWS` and all of the window ending at `end`, by their
   * ids alone, and remembers those that are new: verdicts are `COUNTED` or `DUPLICATE`. False, and
   * nothing done, where that might make them too many.
   */
  judge(events: EventBatch, partition: number, end: number, from: number, to: number): boolean {
    const table = this.#table;
    if (table.size + to - from > this.#settings.maxIds) return false;
    table.reserve(to - from);
    const bucket = this.#bucketOf(partition, end);
    for (let i = from; i < to; ) {
      const page = this.#pageOf(bucket);
      const n = bucket.count % PAGE_IDS;
      const rows = Math.min(to - i, PAGE_IDS - n);
      this.touch(events, partition, i, i + rows);
      const index = page * PAGE_IDS + n;
      bucket.count += table.addNew(index, this.#firsts, events, i, i + rows) - index;
      i += rows;
    }
    return true;
  }

  /**
   * Remembers the id that `seen` was last asked about, for an event of the window ending at `end`.
   */
  remember(partition: number, end: number): void {
    const table = this.#table;
    if (table.size >= this.#settings.maxIds) {
      // A bucket without ids of its own may be the oldest.
      while (table.size >= this.#settings.maxIds) this.#dropOldest();
      // Places have moved.
      table.find(this.#id);
    }
    this.#put(partition, end);
  }

  #put(partition: number, end: number): void {
    const table = this.#table;
    const bucket = this.#bucketOf(partition, end);
    const page = this.#pageOf(bucket);
    table.add(page * PAGE_IDS + (bucket.count++ % PAGE_IDS), this.#id);
  }

  #bucketOf(partition: number, end: number): Bucket {
    let bucket = this.#last;
    if (bucket === null || bucket.end !== end || bucket.partition !== partition)
      bucket = this.#last = this.#bucket(partition, end);
    return bucket;
  }

  /** The page where the bucket's next id belongs. */
  #pageOf({ pages, count }: Bucket): number {
    if (pages.length * PAGE_IDS === count) pages.push(this.#table.takePage());
    return pages[pages.length - 1];
  }

  /** Forgets the partition's buckets whose life ended at this watermark. */
  forget(partition: number, watermark: number): void {
    let next = Infinity;
    for (const bucket of this.#buckets.values()) {
      if (bucket.partition !== partition) continue;
      const life = bucket.end + this.#settings.idMemoryMs;
      if (watermark >= life) this.#remove(bucket);
      else if (life < next) next = life;
    }
    this.forgetAt[partition] = next;
  }

  #bucket(partition: number, end: number): Bucket {
    const key = `${partition}/${end}`;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { partition, end, pages: [], count: 0, written: 0 };
      this.#buckets.set(key, bucket);
      const life = end + this.#settings.idMemoryMs;
      if (life < this.forgetAt[partition]) this.forgetAt[partition] = life;
    }
    return bucket;
  }

  #dropOldest(): void {
    let oldest: Bucket | null = null;
    for (const bucket of this.#buckets.values())
      if (oldest === null || bucket.end < oldest.end) oldest = bucket;
    if (oldest === null) return;
    this.dropped += oldest.count;
    this.#remove(oldest);
  }

  #remove(bucket: Bucket): void {
    const { pages, count, partition, end } = bucket;
    pages.forEach((page, n) => {
      this.#table.freePage(page, Math.min(PAGE_IDS, count - n * PAGE_IDS));
    });
    this.#buckets.delete(`${partition}/${end}`);
    for (let first = 0; first < bucket.written; first += PART_IDS)
      this.#removedParts.push(partName(partition, end, first));
    if (this.#last === bucket) this.#last = null;
  }

  /** Checkpoint parts changed and removed since the last call. */
  takeParts(): { parts: Part[]; removed: string[] } {
    const parts: Part[] = [];
    for (const bucket of this.#buckets.values()) {
      if (bucket.written === bucket.count) continue;
      const from = bucket.written - (bucket.written % PART_IDS);
      for (let first = from; first < bucket.count; first += PART_IDS) {
        const bytes = new Uint8Array(this.#words(bucket, first).buffer);
        parts.push({ name: partName(bucket.partition, bucket.end, first), bytes });
      }
      bucket.written = bucket.count;
    }
    // A bucket dropped and opened again within one commit is written, not removed.
    const written = new Set(parts.map((part) => part.name));
    const removed = this.#removedParts.filter((name) => !written.has(name));
    this.#removedParts = [];
    return { parts, removed };
  }

  /** All parts are taken: what is more than the limit, which may be another now, is dropped. */
  restored(): void {
    while (this.#table.size > this.#settings.maxIds) this.#dropOldest();
  }

  /** The words of the ids of a part. */
  #words({ pages, count }: Bucket, first: number): Int32Array {
    const last = Math.min(count, first + PART_IDS);
    const words = new Int32Array(4 * (last - first));
    for (let n = first; n < last; n += PAGE_IDS) {
      const some = this.#table.words(pages[n / PAGE_IDS], Math.min(PAGE_IDS, last - n));
      words.set(some, 4 * (n - first));
    }
    return words;
  }

  /** Takes a part named by `takeParts`; false when the name is not one of these. */
  restore(part: Part): boolean {
    const named = ID_PARTS.read(part.name);
    if (named === null) return false;
    const { partition, end } = named;
    if (partition >= this.forgetAt.length || part.bytes.length % 16 !== 0)
      throw new PackReader(part.name, part.bytes).damaged();
    const words = new Int32Array(copyOf(part.bytes).buffer);
    for (let at = 0; at < words.length; at += 4) {
      this.#id.set(words.subarray(at, at + 4));
      if (this.#table.find(this.#id)) throw new PackReader(part.name, part.bytes).damaged();
      this.#put(partition, end);
    }
    const bucket = this.#bucket(partition, end);
    bucket.written = bucket.count;
    return true;
  }
}

/** Mixed into an id's first word by a bijection: equal ids of two scopes never meet. */
function scopeOf(partition: number, product: number, kind: number): number {
  return Math.imul((product << 2) | (partition << 1) | kind, 0x9e3779b1);
}

function partName(partition: number, end: number, first: number): string {
  return ID_PARTS.name(partition, end, first / PART_IDS);
}
