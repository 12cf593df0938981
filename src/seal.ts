/**
 * Checksums of what a store keeps, so that a damaged disk is noticed and never counted with. A part
 * or a status is sealed as it leaves for a store and opened as it comes back; a row of SQLite has
 * a sum over all its values. What an older version wrote has no seal and is taken as it is.
 */
import { crc32c } from './crc32c.ts';
import { ClickrateError } from './errors.ts';
import type { Status } from './status.ts';

/** How a refusal of data ends that `clickrate repair` can mend. */
export const WAY_OUT = '`clickrate repair --dry-run` says what can be done';

/** Ends a sealed part: "ctr", and the form of the seal. */
const SEAL = Buffer.from('ctr\u0001');
const SUM_BYTES = 4;
const STATUS_SEAL = /,"crc":"([0-9a-f]{8})"\}$/;

/** The bytes of a part, then the checksum of its name and bytes, then the mark of a seal. */
export function sealPart(name: string, bytes: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(bytes.length + SUM_BYTES + SEAL.length);
  sealed.set(bytes);
  sealed.writeUInt32LE(rowSum(name, bytes), bytes.length);
  sealed.set(SEAL, bytes.length + SUM_BYTES);
  return sealed;
}

/** What `sealPart` was given. Throws `checkpoint_damaged`; `where` names the key or file. */
export function openPart(where: string, name: string, stored: Uint8Array): Uint8Array {
  const end = stored.length - SEAL.length - SUM_BYTES;
  if (end < 0 || SEAL.compare(stored, end + SUM_BYTES) !== 0) return stored;
  const bytes = stored.subarray(0, end);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (view.getUint32(end, true) !== rowSum(name, bytes))
    throw damaged(`${where}: checkpoint part ${name}`);
  return bytes;
}

/** The status as JSON with the checksum of its task and text as its last field. */
export function sealStatus(task: string, status: Status): string {
  const text = JSON.stringify(status);
  return `${text.slice(0, -1)},"crc":"${hexOf(rowSum(task, text))}"}`;
}

/** What `sealStatus` was given. Throws `checkpoint_damaged`; `where` names the key or file. */
export function openStatus(where: string, task: string, stored: string): Status {
  const seal = STATUS_SEAL.exec(stored);
  const text = seal === null ? stored : `${stored.slice(0, seal.index)}}`;
  const isWhole = seal === null || seal[1] === hexOf(rowSum(task, text));
  const status = isWhole ? parsed(text) : null;
  if (status === null) throw damaged(`${where}: the status of task ${task}`);
  return status;
}

function parsed(text: string): Status | null {
  try {
    const status = JSON.parse(text) as Status;
    // Of an older version without a seal: at least of the right shape.
    return Array.isArray(status.partitions) && typeof status.ledger.verdicts === 'object'
      ? status
      : null;
  } catch {
    return null;
  }
}

function hexOf(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

function damaged(what: string): ClickrateError {
  return new ClickrateError('checkpoint_damaged', `${what} is damaged; ${WAY_OUT}`);
}

/** Values of a row: of SQLite, whole numbers may come as either kind of number. */
export type RowValue = null | number | bigint | string | Uint8Array;

const NUMBER = 1;
const TEXT = 2;
const BLOB = 3;
const VALUE_BYTES = 9;
const packed = Buffer.alloc(16 * VALUE_BYTES);

/** CRC32C over kind and number of each value; of a text or blob, over its length and CRC32C. */
export function rowSum(...values: RowValue[]): number {
  let at = 0;
  for (const value of values) {
    packed.fill(0, at, at + VALUE_BYTES);
    if (typeof value === 'number' || typeof value === 'bigint') {
      packed[at] = NUMBER;
      packed.writeDoubleLE(Number(value), at + 1);
    } else if (value !== null) {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      packed[at] = typeof value === 'string' ? TEXT : BLOB;
      packed.writeUInt32LE(bytes.length, at + 1);
      packed.writeUInt32LE(crc32c(bytes), at + 5);
    }
    at += VALUE_BYTES;
  }
  return crc32c(packed.subarray(0, at));
}
