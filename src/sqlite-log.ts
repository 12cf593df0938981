/**
 * SQLite's write-ahead log after a crash. SQLite takes it up to the first frame whose checksum is
 * wrong and says nothing: right for the last write, which a crash may have cut, but behind a byte
 * that the disk changed lie writes that were acknowledged.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { ClickrateError, unreadable } from './errors.ts';
import { WAY_OUT } from './seal.ts';

const HEAD = 32;
const FRAME_HEAD = 24;
/** Of our files. */
export const PAGE_BYTES = 4_096;
/** Read in one go: a megabyte. */
const PIECE_FRAMES = 256;
const MAGIC = 0x377f0682;

/** SQLite writes it beside the file itself, which `file` may be a link to. */
function logOf(file: string): string {
  return `${existsSync(file) ? realpathSync(file) : file}-wal`;
}

/** Commits of the log that SQLite would not see; `at` is the byte where it stops reading. */
export type LostLog = { at: number; commits: number };

/** Where a file says how it is written and read: with a log, or without, as a copy of it is. */
export const FORMS_AT = 18;
export const [WITH_LOG, WITHOUT_LOG] = [Buffer.from([2, 2]), Buffer.from([1, 1])];

/**
 * Throws `checkpoint_damaged` when commits lie behind a damaged frame, and when the log is not of
 * this file; `file_unreadable` when either cannot be read.
 */
export function mustBeWholeLog(file: string): void {
  if (isOfOther(file))
    throw new ClickrateError(
      'checkpoint_damaged',
      `${file}-wal is of the file that was there before this copy: delete it, and start again`,
    );
  const lost = lostIn(file);
  if (lost === null) return;
  throw new ClickrateError(
    'checkpoint_damaged',
    `${file}-wal is damaged at byte ${lost.at}, before ${lost.commits} writes that were ` +
      `acknowledged; ${WAY_OUT}`,
  );
}

/**
 * Whether the log beside `file` was there before it, as where a copy takes the place of a killed
 * process's file. SQLite would write it into the copy.
 */
export function isOfOther(file: string): boolean {
  const log = statSync(logOf(file), { throwIfNoEntry: false });
  if (log === undefined || log.size < HEAD + FRAME_HEAD || !existsSync(file)) return false;
  return within(file, (fd) => {
    const forms = Buffer.alloc(WITHOUT_LOG.length);
    readSync(fd, forms, 0, forms.length, FORMS_AT);
    return forms.equals(WITHOUT_LOG);
  });
}

/** What of the log beside `file` is lost, or null. It is read in pieces, however long it is. */
export function lostIn(file: string): LostLog | null {
  const path = logOf(file);
  if (!existsSync(path)) return null;
  return within(path, (fd) => lostOf(fd, fstatSync(fd).size));
}

/** Reads of a file that is open meanwhile. Throws `file_unreadable`. */
function within<T>(path: string, read: (fd: number) => T): T {
  let fd: number | null = null;
  try {
    fd = openSync(path, 'r');
    return read(fd);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

function lostOf(fd: number, size: number): LostLog | null {
  if (size < HEAD + FRAME_HEAD) return null;
  const head = Buffer.alloc(HEAD);
  readSync(fd, head, 0, HEAD, 0);
  const sums = new Checksum((head.readUInt32BE(0) & 1) === 1);
  sums.add(head, 0, 24);
  const isHead = head.readUInt32BE(0) >>> 1 === MAGIC >>> 1 && sums.isAt(head, 24);
  // The header is on disk before any frame is.
  if (!isHead) return { at: 0, commits: Math.max(1, commitsIn(fd)) };
  let bad: number | null = null;
  let commits = 0;
  // Only the last commit may be cut: it is known by nothing of this log coming after it.
  let hasMore = false;
  for (const { at, frame } of framesOf(fd, FRAME_HEAD + head.readUInt32BE(8))) {
    const isOurs = isOfLog(head, frame);
    if (bad === null) {
      sums.add(frame, 0, 8);
      sums.add(frame, FRAME_HEAD, frame.length - FRAME_HEAD);
      if (isOurs && sums.isAt(frame, 16)) continue;
      bad = at;
      commits = isCommit(frame) ? 1 : 0;
    } else if (isOurs) {
      if (commits > 0) hasMore = true;
      if (isCommit(frame)) commits++;
    }
  }
  return bad !== null && hasMore ? { at: bad, commits } : null;
}

/** Commits of a log without a head: those frames are of it that are of one log with the first. */
function commitsIn(fd: number): number {
  let salts: Buffer | null = null;
  let commits = 0;
  for (const { frame } of framesOf(fd, FRAME_HEAD + PAGE_BYTES)) {
    salts ??= Buffer.from(frame.subarray(8, 16));
    if (isCommit(frame) && salts.compare(frame, 8, 16) === 0) commits++;
  }
  return commits;
}

/** The whole frames, read in pieces; each is good until the next. */
function* framesOf(fd: number, bytes: number): Generator<{ at: number; frame: Buffer }> {
  const piece = Buffer.alloc(bytes * PIECE_FRAMES);
  for (let at = HEAD; ; ) {
    const whole = Math.floor(readSync(fd, piece, 0, piece.length, at) / bytes);
    if (whole === 0) return;
    for (let i = 0; i < whole; i++, at += bytes)
      yield { at, frame: piece.subarray(i * bytes, (i + 1) * bytes) };
  }
}

/** Frames of an older log lie behind those of this one: their salts are others. */
function isOfLog(head: Buffer, frame: Buffer): boolean {
  return head.compare(frame, 8, 16, 16, 24) === 0;
}

function isCommit(frame: Buffer): boolean {
  return frame.readUInt32BE(4) !== 0;
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
