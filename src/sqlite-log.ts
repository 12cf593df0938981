/**
 * SQLite's write-ahead log after a crash. SQLite takes it up to the first frame whose checksum is
 * wrong and says nothing: right for the last write, which a crash may have cut, but behind a byte
 * that the disk changed lie writes that were acknowledged.
 */
import { existsSync, readFileSync } from 'node:fs';
import { ClickrateError } from './errors.ts';
import { WAY_OUT } from './seal.ts';

const HEAD = 32;
const FRAME_HEAD = 24;
const MAGIC = 0x377f0682;

/** Commits of the log that SQLite would not see; `at` is the byte where it stops reading. */
export type LostLog = { at: number; commits: number };

/** Throws `checkpoint_damaged` when commits lie behind a damaged frame. */
export function mustBeWholeLog(file: string): void {
  const lost = lostIn(file);
  if (lost === null) return;
  throw new ClickrateError(
    'checkpoint_damaged',
    `${file}-wal is damaged at byte ${lost.at}, before ${lost.commits} writes that were ` +
      `acknowledged; ${WAY_OUT}`,
  );
}

/** What of the log beside `file` is lost, or null. */
export function lostIn(file: string): LostLog | null {
  const path = `${file}-wal`;
  if (!existsSync(path)) return null;
  const bytes = readFileSync(path);
  if (bytes.length < HEAD + FRAME_HEAD) return null;
  const isBig = (bytes.readUInt32BE(0) & 1) === 1;
  const sums = new Checksum(isBig);
  sums.add(bytes, 0, 24);
  const isHead = bytes.readUInt32BE(0) >>> 1 === MAGIC >>> 1 && sums.isAt(bytes, 24);
  // The header is on disk before any frame is.
  if (!isHead) return { at: 0, commits: 1 };
  const frame = FRAME_HEAD + bytes.readUInt32BE(8);
  for (let at = HEAD; at + frame <= bytes.length; at += frame) {
    sums.add(bytes, at, 8);
    sums.add(bytes, at + FRAME_HEAD, frame - FRAME_HEAD);
    if (!isOfLog(bytes, at) || !sums.isAt(bytes, at + 16)) return behind(bytes, at, frame);
  }
  return null;
}

/** Frames of an older log lie behind those of this one: their salts are others. */
function isOfLog(bytes: Buffer, at: number): boolean {
  return bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0;
}

function isCommit(bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at + 4) !== 0;
}

/** Only the last commit may be cut: it is known by nothing of this log coming after it. */
function behind(bytes: Buffer, bad: number, frame: number): LostLog | null {
  let commits = isCommit(bytes, bad) ? 1 : 0;
  let hasMore = false;
  for (let at = bad + frame; at + frame <= bytes.length; at += frame) {
    if (!isOfLog(bytes, at)) continue;
    if (commits > 0) hasMore = true;
    if (isCommit(bytes, at)) commits++;
  }
  return hasMore ? { at: bad, commits } : null;
}

/** The log's own checksum, carried on from frame to frame. */
class Checksum {
  readonly #isBig: boolean;
  #a = 0;
  #b = 0;

  constructor(isBig: boolean) {
    this.#isBig = isBig;
  }

  add(bytes: Buffer, from: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, length);
    const isLittle = !this.#isBig;
    let [a, b] = [this.#a, this.#b];
    for (let at = 0; at + 8 <= length; at += 8) {
      a = (a + view.getUint32(at, isLittle) + b) >>> 0;
      b = (b + view.getUint32(at + 4, isLittle) + a) >>> 0;
    }
    [this.#a, this.#b] = [a, b];
  }

  isAt(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#a && bytes.readUInt32BE(at + 4) === this.#b;
  }
}
