/**
 * What a commit writes of its results: each as the original demo's clients read it, and once more
 * packed into one text for the stream of changes. The fields of a hash are in the form of Redis'
 * protocol, ready to be sent. Bytes are put together by hand, in one pass: a closing of 100 000
 * products spends its time here.
 */
import { type Counts, ctr, type ProductResult } from '../../result.ts';
import { LONGEST_NUMBER, type Piece, pieceOf, TextBytes } from '../../text-bytes.ts';

/** Arguments of a command, one behind the other: product and result in turn. */
export type Fields = { bytes: Buffer; count: number };

export type RowArguments = {
  latest: Fields;
  previous: Fields;
  /** Products without a previous window. */
  without: string[];
  /** All rows, as `changeOf` reads them: product, then start, impressions, clicks of one or two. */
  packed: Buffer;
};

/**
 * Where the rows of a commit are put together. They are the larger part of it, so they are used
 * again once the commit is answered: a closing of 100 000 products has 200 of them.
 */
export class RowBytes {
  readonly latest = new TextBytes(0);
  readonly previous = new TextBytes(0);
  readonly packed = new TextBytes(0);

  clear(): void {
    for (const bytes of [this.latest, this.previous, this.packed]) bytes.clear();
  }
}

/** Kept for later commits: one is sent while another is filled. */
const ROOMS = 2;

/** Where rows of commits lay that were answered. */
export class Rooms {
  readonly #free: RowBytes[] = [];

  take(): RowBytes {
    return this.#free.pop() ?? new RowBytes();
  }

  give(room: RowBytes): void {
    room.clear();
    if (this.#free.length < ROOMS) this.#free.push(room);
  }
}

/** What it answers lies in `room`. */
export function rowArguments(
  results: readonly ProductResult[],
  windowMs: number,
  room: RowBytes,
): RowArguments {
  room.clear();
  const latestRows = new List(room.latest, results.length);
  const previousRows = new List(room.previous, results.length);
  const { packed } = room;
  packed.reserve(results.length * PACKED_ROW_BYTES);
  const without: string[] = [];
  const windows = new WindowTexts(windowMs);
  packed.reserve(2);
  packed.byte(OPENING);
  // Nearly all results of a commit have the same windows.
  let ofLatest = windows.of(0);
  let ofPrevious = ofLatest;
  for (const { product, latest, previous } of results) {
    const isPlain = PLAIN.test(product);
    const name = isPlain ? product : Buffer.from(product);
    const inJson = isPlain ? product : Buffer.from(JSON.stringify(product)).subarray(1, -1);
    if (latest.start !== ofLatest.startMs) ofLatest = windows.of(latest.start);
    latestRows.add(name, inJson, latest, ofLatest.tail);
    packed.reserve(inJson.length + LONGEST_PACKED);
    if (packed.at > 1) packed.byte(COMMA);
    packed.byte(OPENING);
    packed.byte(QUOTE);
    packed.text(inJson);
    packed.byte(QUOTE);
    addPacked(packed, latest, ofLatest.start);
    if (previous === null) without.push(product);
    else {
      if (previous.start !== ofPrevious.startMs) ofPrevious = windows.of(previous.start);
      previousRows.add(name, inJson, previous, ofPrevious.tail);
      addPacked(packed, previous, ofPrevious.start);
    }
    packed.byte(CLOSING);
  }
  packed.reserve(1);
  packed.byte(CLOSING);
  return {
    latest: latestRows.done(),
    previous: previousRows.done(),
    without,
    packed: packed.done(),
  };
}

/** Product ids that are the same in UTF-8 and in JSON, byte for byte a character. */
const PLAIN = /^[ !#-[\]-~]*$/;
const [QUOTE, COMMA, OPENING, CLOSING] = Buffer.from('",[]');
/** Of a usual row, and more than one can have beside the product id. */
const ROW_BYTES = 160;
const PACKED_ROW_BYTES = 64;
const LONGEST_ROW = 256;
const LONGEST_PACKED = 8 * LONGEST_NUMBER;

function addPacked(packed: TextBytes, { impressions, clicks }: Counts, start: Piece): void {
  packed.byte(COMMA);
  packed.piece(start);
  packed.byte(COMMA);
  packed.number(impressions);
  packed.byte(COMMA);
  packed.number(clicks);
}

/** The start of a window as text, and the last members of its results. */
type WindowText = { startMs: number; start: Piece; tail: Piece };

/** Texts of windows, each made once. */
class WindowTexts {
  readonly #windowMs: number;
  readonly #texts = new Map<number, WindowText>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  of(startMs: number): WindowText {
    let texts = this.#texts.get(startMs);
    if (texts === undefined) {
      const end = startMs + this.#windowMs;
      const tail = pieceOf(`,"window_start":${startMs},"window_end":${end}}`);
      texts = { startMs, start: pieceOf(String(startMs)), tail };
      this.#texts.set(startMs, texts);
    }
    return texts;
  }
}

const HEAD = pieceOf('{"product_id":"');
const RATE = pieceOf('","ctr":');
const IMPRESSIONS = pieceOf(',"impressions":');
const CLICKS = pieceOf(',"clicks":');
/** Of the length before a text, and digits that lengths of results usually have. */
const [DOLLAR, RETURN, FEED] = Buffer.from('$\r\n');
const USUAL_DIGITS = 3;

/** Products and results in turn. */
class List {
  readonly #bytes: TextBytes;
  #fields = 0;

  constructor(bytes: TextBytes, rows: number) {
    this.#bytes = bytes;
    bytes.reserve(rows * ROW_BYTES);
  }

  /** The result is the same text as `JSON.stringify(resultOf(…))`. */
  add(
    name: string | Uint8Array,
    inJson: string | Uint8Array,
    { impressions, clicks }: Counts,
    tail: Piece,
  ): void {
    const bytes = this.#bytes;
    this.#fields += 2;
    bytes.reserve(name.length + inJson.length + LONGEST_ROW);
    bytes.byte(DOLLAR);
    bytes.number(name.length);
    this.#endLine();
    bytes.text(name);
    this.#endLine();
    bytes.byte(DOLLAR);
    const lengthAt = bytes.at;
    bytes.at += USUAL_DIGITS;
    this.#endLine();
    const start = bytes.at;
    bytes.piece(HEAD);
    bytes.text(inJson);
    bytes.piece(RATE);
    bytes.share(ctr(impressions, clicks) ?? 0);
    bytes.piece(IMPRESSIONS);
    bytes.number(impressions);
    bytes.piece(CLICKS);
    bytes.number(clicks);
    bytes.piece(tail);
    bytes.insert(lengthAt, USUAL_DIGITS, String(bytes.at - start));
    this.#endLine();
  }

  #endLine(): void {
    this.#bytes.byte(RETURN);
    this.#bytes.byte(FEED);
  }

  done(): Fields {
    return { bytes: this.#bytes.done(), count: this.#fields };
  }
}
