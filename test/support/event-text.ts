/** The bytes of events: good ones in many spellings, and broken ones for each reject reason. */
import type { Reason } from '../../src/event.ts';
import type { Random } from './random.ts';

export type PlainEvent = {
  product: string | number;
  ts: number;
  kind: 'impression' | 'click';
  id?: string;
};

const encoder = new TextEncoder();

/** One of many spellings of the same event; `plainShare` of them are what everybody writes. */
export function spell(event: PlainEvent, random: Random, plainShare = 0.7): Uint8Array {
  const plain = random.chance(plainShare);
  const fields: [string, string][] = [
    ['product_id', JSON.stringify(event.product)],
    ['timestamp', plain ? String(event.ts) : spellNumber(event.ts, random)],
    ['event_type', JSON.stringify(event.kind)],
  ];
  if (event.id !== undefined) fields.push(['event_id', JSON.stringify(event.id)]);
  if (plain) return encoder.encode(`{${fields.map(([k, v]) => `"${k}":${v}`).join(',')}}`);
  if (random.chance(0.3)) fields.push(['note', random.pick(NOTES)]);
  if (event.id === undefined && random.chance(0.3)) fields.push(['event_id', '17']);
  const mixed = random.shuffle(fields);
  // The last of two equal keys counts.
  if (random.chance(0.2)) mixed.unshift(['timestamp', '1'], ['event_type', '"view"']);
  const space = () => random.pick(['', '', ' ', '\t', '\n ', '\r\n']);
  const text = mixed
    .map(([k, v]) => `${space()}${spellKey(k, random)}${space()}:${space()}${v}`)
    .join(',');
  return encoder.encode(`${space()}{${text}${space()}}${space()}`);
}

const NOTES = [
  'null',
  '{"timestamp":5,"deep":[1,[2,{}]]}',
  '[]',
  '"\\u0000\\"}"',
  '"ünï"',
  '1e400',
];

function spellKey(key: string, random: Random): string {
  if (!random.chance(0.1)) return `"${key}"`;
  const at = random.int(0, key.length - 1);
  const code = key.charCodeAt(at).toString(16).padStart(4, '0');
  return `"${key.slice(0, at)}\\u${code}${key.slice(at + 1)}"`;
}

function spellNumber(value: number, random: Random): string {
  if (value !== 0 && value % 1000 === 0 && random.chance(0.5)) return `${value / 1000}e3`;
  return random.pick([`${value}`, `${value}.0`, `${value}e0`, `${value}.000E+0`]);
}

/** Records that get exactly this reason when they arrive at `arrivalMs`. */
export function broken(reason: Reason, arrivalMs: number, random: Random): Uint8Array {
  const make = BROKEN[reason];
  if (make === undefined) throw new Error(`no broken record has the reason ${reason}`);
  const made = make(random, arrivalMs);
  return typeof made === 'string' ? encoder.encode(made) : made;
}

/** Reasons that a record alone decides. */
export function brokenReasons(): Reason[] {
  return Object.keys(BROKEN) as Reason[];
}

const TOO_LARGE = encoder.encode(good({ note: 'x'.repeat(65_536) }));

function good(changes: Record<string, unknown>, without?: string): string {
  const event: Record<string, unknown> = {
    product_id: 'p',
    timestamp: 1_000,
    event_type: 'click',
    ...changes,
  };
  if (without !== undefined) delete event[without];
  return JSON.stringify(event);
}

/** `good` with one field's text as it stands here, which JSON.stringify would not write. */
function raw(field: string, text: string): string {
  return good({ [field]: '@@' }).replace('"@@"', text);
}

const BROKEN: Partial<Record<Reason, (random: Random, arrivalMs: number) => string | Uint8Array>> =
  {
    too_large: () => TOO_LARGE,
    not_json: (random) =>
      random.pick([
        '',
        '{',
        good({}).slice(0, -1),
        `${good({})}x`,
        `\ufeff${good({})}`,
        raw('timestamp', '01000'),
        raw('timestamp', '1000.'),
        raw('timestamp', 'NaN'),
        raw('product_id', "'p'"),
        raw('product_id', '"\\x"'),
        `${good({}).slice(0, -1)},}`,
        Uint8Array.of(0xff, 0xfe),
        encoder.encode(good({ product_id: '\u00e9' })).map((b) => (b === 0xa9 ? 0x29 : b)),
      ]),
    not_object: (random) => random.pick(['null', '[]', `[${good({})}]`, '"event"', '17', ' true ']),
    missing_product_id: () => good({}, 'product_id'),
    bad_product_id: (random) =>
      random.pick([
        good({ product_id: '' }),
        good({ product_id: null }),
        good({ product_id: 1.5 }),
        good({ product_id: ['p'] }),
        good({ product_id: 'ü'.repeat(129) }),
        raw('product_id', '"\\ud800"'),
        raw('product_id', '9007199254740992'),
        good({ product_id: true, timestamp: 'no' }),
      ]),
    missing_timestamp: () => good({}, 'timestamp'),
    bad_timestamp: (random) =>
      random.pick([
        good({ timestamp: null }),
        good({ timestamp: '1000' }),
        good({ timestamp: 1000.5 }),
        raw('timestamp', '-9007199254740992'),
        raw('timestamp', '1e300'),
        raw('timestamp', '1e400'),
        good({ timestamp: 0.5, event_type: 'view' }),
      ]),
    timestamp_unit: (random) =>
      random.pick([
        good({ timestamp: 1_760_000_000 }),
        good({ timestamp: 1_760_000_000_000_000 }),
        raw('timestamp', '1760000000000000000'),
        raw('timestamp', '1.76e9'),
        good({ timestamp: 1_760_000_000, event_type: 'view' }),
      ]),
    bad_event_type: (random) =>
      random.pick([
        good({}, 'event_type'),
        good({ event_type: null }),
        good({ event_type: 'Click' }),
        good({ event_type: 'view' }),
        good({ event_type: 1 }),
      ]),
    future_timestamp: (random, arrivalMs) =>
      good({ timestamp: arrivalMs + 10_001 + random.int(0, 1) * 86_400_000 }),
  };
