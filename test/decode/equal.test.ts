/** The fast decoder says what the reference says, on everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS, type Settings } from '../../src/config.ts';
import { type EventBatch, eventBatch } from '../../src/decode/columns.ts';
import { Products } from '../../src/decode/products.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { Decoder } from '../../src/decode/scan.ts';
import { type RecordBatch, VERDICTS } from '../../src/event.ts';
import { inCodeMemory } from '../support/code-memory.ts';
import { anyRecord, layoutRecord, type Made } from '../support/json-text.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';

const ROWS = 500;
/** So short that integers of the corpus are too long. */
const SHORT: Settings = { ...SETTINGS, maxProductIdBytes: 3 };

function batchOf(made: Made[]): RecordBatch {
  const records = recordsOf(
    made.map(({ bytes }) => bytes),
    0,
  );
  made.forEach(({ arrivalMs }, i) => {
    records.arrivals[i] = arrivalMs;
  });
  return records;
}

/** Ids of equal text have equal hashes, others have not. */
class Ids {
  readonly #byText = new Map<string, string>();
  readonly #byHash = new Map<string, string>();

  check(text: string, hash: Uint32Array): void {
    const key = [...hash].join();
    assert.equal(this.#byText.get(text) ?? key, key, `one text, two hashes: ${text}`);
    assert.equal(this.#byHash.get(key) ?? text, text, `two texts, one hash: ${text}`);
    this.#byText.set(text, key);
    this.#byHash.set(key, text);
  }
}

function check(
  records: RecordBatch,
  events: EventBatch,
  products: Products,
  ids: Ids,
  seed: number,
  settings: Settings,
) {
  for (let i = 0; i < records.count; i++) {
    const [start, end] = [records.starts[i], records.ends[i]];
    const expected = judgeReference(records.bytes, start, end, records.arrivals[i], settings);
    const isGood = events.reject[i] === 0;
    const found = isGood
      ? {
          time: events.time[i],
          product: products.name(events.product[i]),
          kind: events.kind[i],
          hasId: events.hasId[i],
        }
      : { reject: VERDICTS[events.reject[i]] };
    const wanted =
      'reject' in expected
        ? expected
        : {
            time: expected.time,
            product: expected.product,
            kind: expected.kind,
            hasId: expected.eventId === null ? 0 : 1,
          };
    const text = new TextDecoder().decode(records.bytes.subarray(start, end)).slice(0, 500);
    assert.deepEqual(found, wanted, `CLICKRATE_SEED=${seed}, row ${i}: ${text}`);
    if (!('reject' in expected) && expected.eventId !== null)
      ids.check(expected.eventId, events.id.slice(4 * i, 4 * i + 4));
  }
}

const { seed, runs } = runsFromEnv({ seed: 1, runs: 440 });

test(`scan = reference on ${runs * ROWS} records from seed ${seed} on`, (t) => {
  const key = Uint32Array.of(1, 2, 3, 4);
  const products = new Products({ maxProducts: 10_000 });
  const events = eventBatch(ROWS);
  const ids = new Ids();
  const reasons = new Map<number, number>();
  for (let run = seed; run < seed + runs; run++) {
    const random = new Random(run);
    const settings = run % 4 === 0 ? SHORT : SETTINGS;
    const decoder = new Decoder(products, settings, key, { layouts: random.chance(0.9) });
    // A stream of one layout, of several mixed, or of anything.
    const layouts = random.int(0, 5);
    const made = Array.from({ length: ROWS }, () =>
      layouts === 0 || random.chance(0.1)
        ? anyRecord(random)
        : layoutRecord(random, random.int(0, layouts - 1)),
    );
    const records = batchOf(made);
    // Read where they lie, or copied to where they can be matched.
    if (random.chance(0.5)) records.bytes = inCodeMemory(records.bytes);
    const middle = random.int(0, ROWS);
    decoder.decode(records, 0, middle, events);
    decoder.decode(records, middle, ROWS, events);
    events.from = 0;
    check(records, events, products, ids, run, settings);
    for (let i = 0; i < ROWS; i++)
      reasons.set(events.reject[i], (reasons.get(events.reject[i]) ?? 0) + 1);
  }
  t.diagnostic([...reasons].map(([code, n]) => `${VERDICTS[code]} ${n}`).join(', '));
  // Everything but the limit of products was met, so the equality says something.
  if (runs >= 40) assert.equal(reasons.size, VERDICTS.length - 3);
});

test('a rejected event never gets a dense id, and a full dictionary takes the known ones', () => {
  const products = new Products({ maxProducts: 1 });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
  const event = (product: string, time: number) =>
    `{"product_id":"${product}","timestamp":${time},"event_type":"click"}`;
  const records = recordsOf(
    [event('far', 9e12), event('first', 1e12), event('second', 1e12), event('first', 1e12)],
    1.7e12,
  );
  const events = eventBatch(4);
  decoder.decode(records, 0, 4, events);
  const verdicts = [...events.reject.subarray(0, 4)].map((code) => VERDICTS[code]);
  assert.deepEqual(verdicts, ['future_timestamp', 'counted', 'too_many_products', 'counted']);
  assert.equal(products.name(0), 'first');
});

test('deep nesting neither overflows nor hangs', () => {
  const decoder = new Decoder(new Products({ maxProducts: 9 }), SETTINGS, new Uint32Array(4));
  const events = eventBatch(2);
  const open = '['.repeat(32_000);
  const good = `{"product_id":"a","timestamp":1,"event_type":"click","x":${open}${']'.repeat(32_000)}}`;
  decoder.decode(recordsOf([good, `{"x":${open}`], 0), 0, 2, events);
  assert.deepEqual(
    [...events.reject].map((code) => VERDICTS[code]),
    ['counted', 'not_json'],
  );
});

test('no prototype is touched', () => {
  const decoder = new Decoder(new Products({ maxProducts: 9 }), SETTINGS, new Uint32Array(4));
  const event =
    '{"__proto__":{"polluted":1},"product_id":"__proto__","timestamp":1,"event_type":"click"}';
  decoder.decode(recordsOf([event], 0), 0, 1, eventBatch(1));
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});
