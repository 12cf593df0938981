/** Random event records, good and broken, for decoders: bytes, because some are no text. */
import type { Random } from './random.ts';

const encoder = new TextEncoder();

const STRINGS = [
  '"product1"',
  '"p"',
  '""',
  '"5"',
  '"impression"',
  '"click"',
  '"\\u0063lick"',
  '"impress\\u0069on"',
  '"\\ud83d\\ude00"',
  '"\\ud83d"',
  '"\\ude00x"',
  '"é"',
  '"日本"',
  '"😀"',
  '"\\n\\t\\"\\\\\\/"',
  '"\\u0000"',
  '"\\x"',
  '"\\u12g4"',
  '"a\tb"',
  '"unterminated',
  '"__proto__"',
  '" product1 "',
  '"\\u00e9"',
  `"${'x'.repeat(256)}"`,
  `"${'x'.repeat(257)}"`,
  `"${'é'.repeat(128)}"`,
  `"${'é'.repeat(128)}y"`,
];
const NUMBERS = [
  '0',
  '-0',
  '5',
  '-5',
  '5.0',
  '5e0',
  '5E+0',
  '50e-1',
  '1e3',
  '1.5',
  '01',
  '-',
  '+1',
  '.5',
  '5.',
  '1e',
  '1e+',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740991',
  '-9007199254740992',
  '9007199254740991.4',
  '1.0000000000000001',
  '0.1',
  '1700000000',
  '1700000000.0',
  '17e8',
  '1700000000000',
  '1700000000123',
  '1700000000000000',
  '1700000000000000000',
  '9999999999',
  '10000000000',
  '999999999',
  '1000000000',
  '-1700000000',
  '17000000000000',
  '170000000000000',
  '99999999999999999999',
  '0e5',
  '1700000000000.0',
  '1.7e12',
  '-1.7e12',
  '1234567890123456',
  '0000000000000',
  '0700000000000',
  '1E3',
];
const OTHERS = [
  'true',
  'false',
  'null',
  'nul',
  'True',
  '{}',
  '[]',
  '[1,2,[3,{"timestamp":1}]]',
  '{"a":{"b":[]}}',
  '[1,]',
  '{,}',
  '{"a"}',
  '{"a":1,}',
  '[[[[[[[[]]]]]]]]',
  '[',
  '{',
  'undefined',
  'NaN',
  '{"product_id":"inner"}',
];
const KEYS = [
  'product_id',
  'timestamp',
  'event_type',
  'event_id',
  'user_id',
  'session_id',
  '__proto__',
  'constructor',
  'x',
  'Product_id',
  'product_id ',
  '',
  'toString',
];
const ESCAPED_KEYS = [
  '"product_\\u0069d"',
  '"\\u0074imestamp"',
  '"event\\u005ftype"',
  '"event_i\\u0064"',
  '"\\u0070roduct_id"',
];
const SPACE = ['', '', '', ' ', '\n', '\t', '\r', '  ', '\u00a0', '\f'];

export type Made = { bytes: Uint8Array; arrivalMs: number };

/** One record: mostly near to a good one, with everything that may differ. */
export function anyRecord(random: Random): Made {
  const arrivalMs = random.pick([1_700_000_000_000, 1_800_000_000_000, 9e15, 0, 5_000]);
  const text = random.chance(0.02) ? random.pick(OTHERS.concat(STRINGS, NUMBERS)) : object(random);
  let bytes: Uint8Array = encoder.encode(text);
  if (random.chance(0.15)) bytes = mutated(bytes, random);
  if (random.chance(0.01)) bytes = padded(bytes, random);
  return { bytes, arrivalMs };
}

/** The original's layout, again and again, with values and now and then one byte changed. */
export function layoutRecord(random: Random, layout: number): Made {
  const product = random.chance(0.03) ? random.pick(STRINGS) : `"product${random.int(1, 50)}"`;
  const time = random.chance(0.06)
    ? random.pick(NUMBERS)
    : String(1_700_000_000_000 + random.int(0, 1e6));
  const type = random.chance(0.03)
    ? random.pick(STRINGS)
    : random.pick(['"impression"', '"click"']);
  const user = random.chance(0.02) ? random.pick(STRINGS) : `"user_${random.int(0, 9999)}"`;
  const id = random.chance(0.02) ? random.pick(STRINGS) : `"${random.hex(random.int(1, 33))}"`;
  const texts = [
    `{"user_id": ${user}, "product_id": ${product}, "timestamp": ${time}, "event_type": ${type}, "session_id": "s_${random.int(0, 99)}"}`,
    `{"product_id":${product},"timestamp":${time},"event_type":${type},"event_id":${id}}`,
    ` { "event_type" : ${type} , "timestamp" : ${time} , "ok" : true , "n":[1,{"a":2}], "product_id" : ${product} } `,
    `{"event_id":${id},"timestamp":${time},"product_id":${product},"event_type":${type},"n":${random.int(0, 2)}}`,
  ];
  let bytes: Uint8Array = encoder.encode(texts[layout % texts.length]);
  if (random.chance(0.1)) bytes = mutated(bytes, random);
  return { bytes, arrivalMs: 1_700_000_500_000 };
}

function object(random: Random): string {
  const fields = [
    ['"product_id"', random.chance(0.7) ? `"product${random.int(1, 9)}"` : value(random)],
    ['"timestamp"', random.chance(0.6) ? `${1_700_000_000_000 + random.int(0, 9)}` : value(random)],
    ['"event_type"', random.chance(0.7) ? random.pick(['"impression"', '"click"']) : value(random)],
  ];
  if (random.chance(0.4))
    fields.push(['"event_id"', random.chance(0.6) ? `"id${random.int(0, 5)}"` : value(random)]);
  for (let n = random.int(0, 3); n > 0 && random.chance(0.6); n--)
    fields.push([key(random), value(random)]);
  if (random.chance(0.1)) fields.splice(random.int(0, fields.length - 1), 1);
  const space = () => (random.chance(0.8) ? '' : random.pick(SPACE));
  const order = random.chance(0.5) ? random.shuffle(fields) : fields;
  const pairs = order.map(([k, v]) => `${space()}${k}${space()}:${space()}${v}${space()}`);
  return `${space()}{${pairs.join(',')}}${space()}`;
}

function key(random: Random): string {
  return random.chance(0.3) ? random.pick(ESCAPED_KEYS) : JSON.stringify(random.pick(KEYS));
}

function value(random: Random): string {
  return random.pick(random.pick([STRINGS, NUMBERS, OTHERS]));
}

/** Truncated, or with bytes flipped, put in or taken out. */
function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const list = [...bytes];
  const at = random.int(0, Math.max(0, list.length - 1));
  const odd = random.pick([
    0, 0x22, 0x5c, 0x7b, 0x7d, 0x2c, 0x30, 0x80, 0xc0, 0xe2, 0xed, 0xf0, 0xf5, 0xff, 0x0a,
  ]);
  switch (random.int(0, 4)) {
    case 0:
      return Uint8Array.from(list.slice(0, at));
    case 1:
      list[at] = odd;
      break;
    case 2:
      list.splice(at, 0, odd);
      break;
    case 3:
      list.splice(at, 1);
      break;
    default:
      list.splice(at, 0, ...random.pick(UTF8));
  }
  return Uint8Array.from(list);
}

/** Sequences at the edges of UTF-8: overlong, surrogates, too large, cut off, and good ones. */
const UTF8 = [
  [0xc3, 0xa9],
  [0xc0, 0xaf],
  [0xc1, 0xbf],
  [0xe0, 0x80, 0xaf],
  [0xe0, 0xa0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0x9f, 0xbf],
  [0xee, 0x80, 0x80],
  [0xf0, 0x80, 0x80, 0xaf],
  [0xf0, 0x90, 0x80, 0x80],
  [0xf4, 0x8f, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x98],
  [0xef, 0xbb, 0xbf],
  [0x80],
];

/** Around 64 KiB, by spaces or a long string. */
function padded(bytes: Uint8Array, random: Random): Uint8Array {
  const size = 65_536 + random.int(-2, 2);
  const longer = new Uint8Array(Math.max(size, bytes.length)).fill(0x20);
  longer.set(bytes, longer.length - bytes.length);
  return longer;
}
