/**
 * What a commit writes of its results: each as the original demo's clients read it, and once more
 * packed into one text for the stream of changes. All fields of a hash are one argument, a list in
 * MessagePack, which Redis unpacks in a fraction of the time that as many arguments take. Text is
 * put together by hand, in one pass: a closing of 100 000 products spends its time here.
 */
import { type Counts, ctr, type ProductResult } from '../../result.ts';
import type { Commit } from '../store.ts';

export type RowArguments = {
  /** Packed lists: product and result in turn. */
  latest: Buffer;
  previous: Buffer;
  /** Products without a previous window. */
  without: string[];
  /** All rows, as `changeOf` reads them: product, then start, impressions, clicks of one or two. */
  packed: string;
};

/** The rows of a commit: what takes most of the time before it can be sent. */
export function rowsOf({ results, status }: Commit): RowArguments {
  return rowArguments(results, status.settings.windowMs);
}

/** A packed list as it grows; each character of `bytes` is a byte. */
type List = { fields: number; bytes: string };

export function rowArguments(results: readonly ProductResult[], windowMs: number): RowArguments {
  const [lists, without] = [{ latest: newList(), previous: newList() }, [] as string[]];
  const spans = new Spans(windowMs);
  let packed = '';
  for (const { product, latest, previous } of results) {
    const quoted = JSON.stringify(product);
    const name = bytesOf(product);
    const head = `{"product_id":${name === product ? quoted : bytesOf(quoted)},"ctr":`;
    add(lists.latest, name, head + countsText(latest) + spans.of(latest.start));
    packed += `${packed === '' ? '' : ','}[${quoted},${packedCounts(latest)}`;
    if (previous === null) without.push(product);
    else {
      add(lists.previous, name, head + countsText(previous) + spans.of(previous.start));
      packed += `,${packedCounts(previous)}`;
    }
    packed += ']';
  }
  const [latest, previous] = [closed(lists.latest), closed(lists.previous)];
  return { latest, previous, without, packed: `[${packed}]` };
}

/** With what is around them the same text as `JSON.stringify(resultOf(…))`. */
function countsText({ impressions, clicks }: Counts): string {
  const rate = ctr(impressions, clicks) ?? 0;
  return `${rateText(rate)},"impressions":${impressions},"clicks":${clicks}`;
}

/** Texts of the rates from 0 to 1: making one anew takes longer than all the rest of a row. */
const RATES: string[] = Array.from({ length: 10_001 }, (_, n) => String(n / 10_000));

function rateText(rate: number): string {
  return rate <= 1 ? RATES[Math.round(rate * 10_000)] : String(rate);
}

/** The last members of a result: nearly all results of a commit have one of two windows. */
class Spans {
  readonly #windowMs: number;
  readonly #texts = new Map<number, string>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  of(start: number): string {
    let text = this.#texts.get(start);
    if (text === undefined) {
      text = `,"window_start":${start},"window_end":${start + this.#windowMs}}`;
      this.#texts.set(start, text);
    }
    return text;
  }
}

function packedCounts({ start, impressions, clicks }: Counts): string {
  return `${start},${impressions},${clicks}`;
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** The text's bytes in UTF-8, each as a character. */
function bytesOf(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text;
}

function newList(): List {
  return { fields: 0, bytes: '' };
}

/**
 * Field and value, both at most 65 535 bytes: a product id has at most 8 192, whatever the settings
 * say, each at most 6 bytes long in JSON, and its result little more.
 */
function add(list: List, field: string, value: string): void {
  list.fields += 2;
  list.bytes += headOf(field.length) + field + headOf(value.length) + value;
}

/** Heads of strings of less than 256 bytes. */
const HEADS = Array.from({ length: 256 }, (_, n) => `\xd9${String.fromCharCode(n)}`);

function headOf(length: number): string {
  return length < 256 ? HEADS[length] : `\xda${String.fromCharCode(length >>> 8, length & 255)}`;
}

function closed({ fields, bytes }: List): Buffer {
  const list = Buffer.allocUnsafe(5 + bytes.length);
  list[0] = 0xdd;
  list.writeUInt32BE(fields, 1);
  list.write(bytes, 5, 'latin1');
  return list;
}
