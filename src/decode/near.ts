/**
 * Products seen lately, in the memory of code: a WebAssembly function finds the dense ids of a
 * run's rows there, twice as quickly as the dictionary, which is asked for those it misses.
 * One serves all tasks. A set is a cache line with two places; a product has two sets, the second
 * for when the first is full.
 */
import { MEMORY, ownPartOf } from '../code-memory.ts';
import {
  againIf,
  type Code,
  functionOf,
  get,
  I32,
  i32,
  load32,
  load128,
  loop,
  moduleOf,
  op,
  set,
  store32,
  tee,
  V128,
  when,
} from '../wasm.ts';
import { columns, run } from './run.ts';

/** What stands for the dense id of a product that is not known. */
export const UNKNOWN = 0xffff_ffff;

const SETS = 4_096;
const SET_SHIFT = 6;
/** The first bits of a hash are the number of the second set, the last ones of the first. */
const SECOND = 20;
/** A place: a product id with zeros behind its end, then its mark, then its dense id. */
const PLACE_BYTES = 32;
const LONGEST = 16;
const [MARK_AT, ID_AT] = [LONGEST, LONGEST + 4];
/** Bits of a mark that tell the length; the others tell whose product it is. A free one is 0. */
const LENGTH_BITS = 5;

/** More products than this are not kept: they would take each other's places. */
const MOST_PRODUCTS = SETS;
/** After so many runs in a row that missed much, as many are not looked up, at most so many. */
const FAILURES = 16;
/** A run missed much where it missed one row of so many, or more. */
const ROWS_A_MISS = 8;
const MOST_SKIPPED = 1_024;

const SETS_AT = ownPartOf(SETS << SET_SHIFT);
/** For each length, and any longer one, what leaves so many of sixteen bytes. */
const MASKS_AT = ownPartOf((LONGEST + 2) * 16);

const { bytes } = run;
const words = new Int32Array(MEMORY.buffer);
for (let length = 0; length <= LONGEST; length++)
  bytes.fill(0xff, MASKS_AT + length * 16, MASKS_AT + length * 16 + length);

/** Finds the products of rows, counted in fours as columns have them; how many it missed. */
type LookUp = (four: number, endFour: number, owner: number) => number;

const [ROW, END, OWNER, START, LENGTH, PLACE, FOUND, MISSED, KEY] = Array(9).keys();
const LOCALS = [I32, I32, I32, I32, I32, V128];
const lookUp = functionOf(moduleOf(3, LOCALS, bodyOf()), MEMORY) as LookUp | null;

function bodyOf(): Code {
  const of = (column: number) => [get(ROW), load32(column)];
  const longer = i32(LONGEST + 1);
  const isUnknown = [get(FOUND), i32(UNKNOWN), op.equal];
  return [
    loop(
      [longer, of(columns.productEnd), of(columns.productStart), tee(START)],
      [op.subtract, tee(LENGTH), get(LENGTH), longer, op.moreUnsigned],
      [op.select, set(LENGTH)],
      [get(START), load128(), get(LENGTH), i32(4), op.shiftLeft],
      [load128(MASKS_AT), op.and128, set(KEY)],
      find([of(columns.productHash), i32(SETS - 1), op.and]),
      // Seldom, so that the branch is foreseen.
      [isUnknown, when(find([of(columns.productHash), i32(SECOND), op.shiftRight]))],
      [get(ROW), get(FOUND), store32(columns.product)],
      [isUnknown, get(MISSED), op.add, set(MISSED)],
      [get(ROW), i32(4), op.add, tee(ROW), get(END), op.less, againIf(0)],
    ),
    get(MISSED),
  ];
}

/** Looks into a set, without a branch. */
function find(number: Code): Code {
  return [
    [number, i32(SET_SHIFT), op.shiftLeft, set(PLACE), i32(UNKNOWN)],
    [word(1, ID_AT), differs(1), op.select],
    [word(0, ID_AT), differs(0), op.select, set(FOUND)],
  ];
}

/** A word of the set's first or second place. */
function word(place: number, at: number): Code {
  return [get(PLACE), load32(SETS_AT + place * PLACE_BYTES + at)];
}

/** Not 0 where the place holds another product. */
function differs(place: number): Code {
  const key = load128(SETS_AT + place * PLACE_BYTES);
  return [
    [word(place, MARK_AT), get(OWNER), get(LENGTH), op.or, op.xor],
    [get(PLACE), key, get(KEY), op.xor128, op.any128, op.or],
  ];
}

let owners = 0;

/** Those of one dictionary. */
export class NearProducts {
  readonly #owner = ++owners << LENGTH_BITS;
  #failures = 0;
  #toSkip = 0;
  /** Whether the last rows were looked up here. */
  isOn = false;
  /** Which place was taken last where all were. */
  #turn = 0;

  /**
   * Dense ids of rows `[first, end)` of the run into its column of products, `UNKNOWN` where there
   * is none here; answers how many those are. Where it does not pay it does nothing. `size` is that
   * of the dictionary.
   */
  lookUp(first: number, end: number, size: number): number {
    this.isOn = lookUp !== null && size <= MOST_PRODUCTS && this.#toSkip === 0;
    if (!this.isOn) {
      if (this.#toSkip > 0) this.#toSkip--;
      return end - first;
    }
    const missed = (lookUp as LookUp)(first * 4, end * 4, this.#owner);
    if (missed * ROWS_A_MISS < end - first) this.#failures = 0;
    else if (++this.#failures > FAILURES) this.#toSkip = Math.min(this.#failures, MOST_SKIPPED);
    return missed;
  }

  /** The product of a row that was missed. */
  put(row: number, id: number): void {
    const start = run.productStart[row];
    const length = run.productEnd[row] - start;
    if (length > LONGEST) return;
    const mark = this.#owner | length;
    const places = placesOf(run.productHash[row]);
    // A run may have missed it more than once.
    if (places.some((place) => holds(place, mark, id))) return;
    const place = places.find((one) => words[(one + MARK_AT) >> 2] === 0) ?? this.#taken(places);
    bytes.fill(0, place, place + LONGEST);
    bytes.copyWithin(place, start, start + length);
    words[(place + MARK_AT) >> 2] = mark;
    words[(place + ID_AT) >> 2] = id;
  }

  /** Of places that are all taken each in turn. */
  #taken(places: readonly number[]): number {
    this.#turn = (this.#turn + 1) % places.length;
    return places[this.#turn];
  }

  /** Forgets a product: its dense id may be another's from now on. */
  drop(id: number, hash: number): void {
    for (const place of placesOf(hash)) {
      const markAt = (place + MARK_AT) >> 2;
      const isOurs = words[markAt] >> LENGTH_BITS === this.#owner >> LENGTH_BITS;
      if (isOurs && words[(place + ID_AT) >> 2] === id) words[markAt] = 0;
    }
  }
}

/** Where a product may be, the likeliest first. */
function placesOf(hash: number): number[] {
  const first = SETS_AT + ((hash & (SETS - 1)) << SET_SHIFT);
  const second = SETS_AT + ((hash >>> SECOND) << SET_SHIFT);
  return [first, first + PLACE_BYTES, second, second + PLACE_BYTES];
}

function holds(place: number, mark: number, id: number): boolean {
  return words[(place + MARK_AT) >> 2] === mark && words[(place + ID_AT) >> 2] === id;
}
