/** Everything a file source gives, for tests; every batch is held to the contract. */
import assert from 'node:assert/strict';
import { LIMITS } from '../../src/config.ts';
import { FileSource, type FileSourceParts } from '../../src/sources/file.ts';
import { SimClock } from '../support/sim-clock.ts';

export type Read = { offset: number; text: string };

/** The records from offset `from` on, null: all. */
export async function readAll(
  parts: Partial<FileSourceParts> & { files: string[] },
  from: number | null = null,
): Promise<Read[]> {
  const source = new FileSource({ clock: new SimClock(7), limits: LIMITS, ...parts });
  const [{ topicId }] = await source.open([{ offset: null, topicId: null }]);
  if (from !== null) await source.open([{ offset: from, topicId }]);
  const records: Read[] = [];
  const { batchRecords: room, batchBytes } = parts.limits ?? LIMITS;
  while (!source.ended) {
    const [fetch] = await source.read([true]);
    const { bytes, starts, ends, offsets, arrivals, count } = fetch.records;
    assert.ok(count <= Math.max(2, room), `${count} records in a batch of ${room}`);
    let size = 0;
    for (let i = 0; i < count; i++) size += ends[i] - starts[i];
    // What is read in its order may have the bytes of a read besides, and is bounded by that.
    if (parts.sort === true) assert.ok(count === 1 || size <= batchBytes, `${size} bytes`);
    for (let i = 0; i < count; i++) {
      assert.equal(arrivals[i], 7);
      const text = Buffer.from(bytes.slice(starts[i], ends[i])).toString();
      records.push({ offset: offsets[i], text });
    }
    assert.ok(count === 0 || fetch.next > offsets[count - 1]);
  }
  await source.close();
  return records;
}

/** `LIMITS` with batches of these sizes. */
export function batchesOf(batchRecords: number, batchBytes = LIMITS.batchBytes) {
  return { ...LIMITS, batchRecords, batchBytes };
}
