/**
 * What an event is, in the plainest code: fatal UTF-8, then `JSON.parse`, then one check a line.
 * `scan.ts` must agree with it on every input.
 */
import { MAX_TIME_MS, type Settings } from '../config.ts';
import { CLICK, IMPRESSION, type Reason } from '../event.ts';
import { unitOf } from './units.ts';

export type GoodEvent = {
  time: number;
  product: string;
  kind: number;
  eventId: string | null;
};
export type Reference = { reject: Reason } | GoodEvent;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Judges the record in `bytes[start, end)` that arrived at `arrivalMs`. */
export function judgeReference(
  bytes: Uint8Array,
  start: number,
  end: number,
  arrivalMs: number,
  settings: Settings,
): Reference {
  if (end - start > settings.maxEventBytes) return { reject: 'too_large' };
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes.subarray(start, end)));
  } catch {
    return { reject: 'not_json' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reject: 'not_object' };
  const field = (name: string): unknown => Object.getOwnPropertyDescriptor(value, name)?.value;
  if (!Object.hasOwn(value, 'product_id')) return { reject: 'missing_product_id' };
  const product = productOf(field('product_id'), settings);
  if (product === null) return { reject: 'bad_product_id' };
  if (!Object.hasOwn(value, 'timestamp')) return { reject: 'missing_timestamp' };
  const time = field('timestamp');
  if (typeof time !== 'number') return { reject: 'bad_timestamp' };
  if (unitOf(time) !== null) return { reject: 'timestamp_unit' };
  if (!Number.isInteger(time) || Math.abs(time) > MAX_TIME_MS) return { reject: 'bad_timestamp' };
  const type = field('event_type');
  if (type !== 'impression' && type !== 'click') return { reject: 'bad_event_type' };
  if (time > arrivalMs + settings.futureMs) return { reject: 'future_timestamp' };
  const id = field('event_id');
  return {
    time: time + 0,
    product,
    kind: type === 'click' ? CLICK : IMPRESSION,
    eventId: typeof id === 'string' ? id : null,
  };
}

/** A product id as its text, or null when it is none. */
function productOf(value: unknown, settings: Settings): string | null {
  const text = Number.isSafeInteger(value) ? String((value as number) + 0) : value;
  if (typeof text !== 'string' || text === '' || !text.isWellFormed()) return null;
  return encoder.encode(text).length <= settings.maxProductIdBytes ? text : null;
}
