/** Layouts: what they match, that they are tried and learned only where it pays, and without them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { eventBatch } from '../../src/decode/columns.ts';
import { Products } from '../../src/decode/products.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { Decoder } from '../../src/decode/scan.ts';
import type { RecordBatch } from '../../src/event.ts';
import { Random } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';

const ARRIVAL_MS = 2e12;
const TIME_MS = 1_700_000_000_000;

/** Decodes batch after batch with one decoder, and holds each row to the reference. */
function decodeAll(batches: readonly RecordBatch[]): number {
  const products = new Products({ maxProducts: 100_000, seed: 7 });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
  const events = eventBatch(20_000);
  let good = 0;
  for (const records of batches) {
    decoder.decode(records, 0, records.count, events);
    for (let i = 0; i < records.count; i++) {
      const [start, end] = [records.starts[i]!, records.ends[i]!];
      const expected = judgeReference(records.bytes, start, end, records.arrivals[i]!, SETTINGS);
      const text = Buffer.from(records.bytes.subarray(start, end)).toString();
      assert.equal(events.reject[i] === 0, !('reject' in expected), text);
      if ('reject' in expected) continue;
      good++;
      assert.equal(products.name(events.product[i]!), expected.product, text);
      assert.equal(events.time[i], expected.time, text);
    }
  }
  return good;
}

/** How many layouts are compiled while `body` runs. */
function compiledIn(body: () => void): number {
  const world = globalThis as unknown as { WebAssembly: { Module: new (b: Uint8Array) => object } };
  const { Module } = world.WebAssembly;
  let count = 0;
  world.WebAssembly.Module = new Proxy(Module, {
    construct(target, args) {
      count++;
      return Reflect.construct(target, args) as object;
    },
  });
  try {
    body();
  } finally {
    world.WebAssembly.Module = Module;
  }
  return count;
}

const shapes: Record<string, (i: number) => string> = {
  'a product id beyond ASCII': (i) =>
    `{"product_id":"prod\u00fckt${i % 50}","timestamp":${TIME_MS + i},"event_type":"click"}`,
  'an escaped product id': (i) =>
    `{"product_id":"a\\u0062${i % 50}","timestamp":${TIME_MS + i},"event_type":"click"}`,
  'a number with an exponent': (i) =>
    `{"product_id":"p${i % 50}","price":${i}e2,"timestamp":${TIME_MS + i},"event_type":"click"}`,
  'a nested value that varies': (i) =>
    `{"product_id":"p${i % 50}","x":{"n":${i}},"timestamp":${TIME_MS + i},"event_type":"click"}`,
  'a time of twelve digits': (i) =>
    `{"product_id":"p${i % 50}","timestamp":${900_000_000_000 + i},"event_type":"click"}`,
};

for (const [name, record] of Object.entries(shapes))
  test(`${name} is scanned, and no layout is compiled again and again`, () => {
    const texts = Array.from({ length: 10_000 }, (_, i) => record(i));
    const compiled = compiledIn(() => {
      assert.equal(decodeAll([recordsOf(texts, ARRIVAL_MS)]), texts.length);
    });
    assert.ok(compiled <= 16, `${compiled} layouts were compiled`);
  });

test('unknown numbers are matched, whatever they are', () => {
  const random = new Random(11);
  const numbers = ['0', '-0', '00', '01', '-', '1.', '.5', '1.5', '-12.25', '1e5', '1E-5', '+1'];
  const texts = Array.from({ length: 5_000 }, (_, i) => {
    const price = random.chance(0.5) ? random.pick(numbers) : `${random.int(0, 1e9)}`;
    const long = random.chance(0.02) ? '9'.repeat(random.int(14, 20)) : `${i}`;
    return (
      `{"user":${long},"product_id":"p${i % 9}","price":${price},` +
      `"timestamp":${TIME_MS + i},"event_type":"impression","n":${random.int(-5, 5)}.5}`
    );
  });
  const compiled = compiledIn(() => {
    decodeAll([recordsOf(texts, ARRIVAL_MS)]);
  });
  assert.ok(compiled <= 8, `${compiled} layouts were compiled`);
});

test('producers in turn each have their layout', () => {
  const forms = [
    (i: number) => `{"product_id":"p${i}","timestamp":${TIME_MS + i},"event_type":"click"}`,
    (i: number) => `{"event_type": "click", "timestamp": ${TIME_MS + i}, "product_id": "q${i}"}`,
    (i: number) => `{"timestamp":${TIME_MS + i},"event_type":"impression","product_id":"r${i}"}`,
  ];
  const texts = Array.from({ length: 6_000 }, (_, i) => forms[i % 3]!(i % 100));
  assert.equal(decodeAll([recordsOf(texts, ARRIVAL_MS), recordsOf(texts, ARRIVAL_MS)]), 12_000);
});

test('records that do not lie one behind the other are scanned, not mistaken', () => {
  const texts = Array.from(
    { length: 400 },
    (_, i) => `{"product_id":"p${i}","timestamp":${TIME_MS + i},"event_type":"click"}`,
  );
  const inOrder = recordsOf(texts, ARRIVAL_MS);
  const backwards = { ...inOrder };
  backwards.starts = inOrder.starts.toReversed();
  backwards.ends = inOrder.ends.toReversed();
  assert.equal(decodeAll([inOrder, backwards]), 800);
});

const CHILD = `
const { SETTINGS } = await import('./src/config.ts');
const { eventBatch } = await import('./src/decode/columns.ts');
const { Products } = await import('./src/decode/products.ts');
const { Decoder } = await import('./src/decode/scan.ts');
const { recordsOf } = await import('./test/support/records.ts');
const texts = Array.from({ length: 300 }, (_, i) =>
  '{"product_id":"p' + i + '","timestamp":1700000000000,"event_type":"click"}');
const products = new Products({ maxProducts: 1000 });
const events = eventBatch(300);
const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
decoder.decode(recordsOf(texts, 2e12), 0, 300, events);
console.log(products.size, events.reject.every((code) => code === 0));
`;

for (const flag of process.arch === 'x64' ? ['--no-enable-sse4-1'] : [])
  test(`a processor without the instructions (${flag}) scans everything`, () => {
    const args = [flag, '--no-warnings', '--input-type=module', '--eval', CHILD];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(stdout.trim(), '300 true', stderr);
  });
