/** One sentence for a person about why an event was not counted. Slow; for events that are kept. */
import type { Settings } from '../config.ts';
import type { Reason } from '../event.ts';
import { unitOf } from './units.ts';

const SHOWN = 80;

type Fields = Record<string, unknown>;

/** What `reason` means for the record in `bytes[start, end)`. */
export function explain(
  reason: Reason,
  bytes: Uint8Array,
  start: number,
  end: number,
  arrivalMs: number,
  settings: Settings,
): string {
  const field = (name: string) => shown(fieldsOf(bytes, start, end, settings)[name]);
  switch (reason) {
    case 'too_large':
      return `the record has ${end - start} bytes; at most ${settings.maxEventBytes} are taken`;
    case 'not_json':
      return end === start ? 'the record is empty' : 'the record is not JSON in valid UTF-8';
    case 'not_object':
      return 'the record is JSON, but not an object';
    case 'missing_product_id':
      return 'there is no product_id';
    case 'bad_product_id': {
      const length = `1 to ${settings.maxProductIdBytes} bytes`;
      return `product_id ${field('product_id')} is neither a text nor an integer of ${length}`;
    }
    case 'missing_timestamp':
      return 'there is no timestamp';
    case 'bad_timestamp':
      return `timestamp ${field('timestamp')} is not an integer of epoch milliseconds`;
    case 'timestamp_unit': {
      const unit = unitOf(Number(fieldsOf(bytes, start, end, settings).timestamp));
      return `timestamp ${field('timestamp')} can only be ${unit}; epoch milliseconds are taken`;
    }
    case 'bad_event_type':
      return `event_type ${field('event_type')} is neither "impression" nor "click"`;
    case 'future_timestamp': {
      const ahead = Number(fieldsOf(bytes, start, end, settings).timestamp) - arrivalMs;
      const limit = `at most ${settings.futureMs} are taken`;
      return `timestamp ${field('timestamp')} is ${ahead} ms after the arrival; ${limit}`;
    }
    case 'too_many_products':
      return `the task has its limit of ${settings.maxProducts} products; this one is new`;
    case 'too_late':
      return `its window no longer took events: more than ${settings.allowedLatenessMs} ms late`;
  }
}

function fieldsOf(bytes: Uint8Array, start: number, end: number, settings: Settings): Fields {
  if (end - start > settings.maxEventBytes) return {};
  try {
    return JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))) as Fields;
  } catch {
    return {};
  }
}

/** A value for a sentence; lists and objects by kind only: writing out deep ones overflows. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  // Cut first, so that a text of 64 KiB is not escaped as a whole; a pair may be cut in two.
  const text = value.length > SHOWN ? `${value.slice(0, SHOWN).toWellFormed()}…` : value;
  return JSON.stringify(text);
}
