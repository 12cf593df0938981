/** Products found near: the dense ids that the dictionary gives, or none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownPartOf } from '../../src/code-memory.ts';
import { SETTINGS } from '../../src/config.ts';
import { eventBatch } from '../../src/decode/columns.ts';
import { NearProducts, UNKNOWN } from '../../src/decode/near.ts';
import { Products } from '../../src/decode/products.ts';
import { run } from '../../src/decode/run.ts';
import { Decoder } from '../../src/decode/scan.ts';
import { fc } from '../support/fast-check.ts';
import { recordsOf } from '../support/records.ts';

const TIME_MS = 1_700_000_000_000;
const ROW_BYTES = 64;
const NAMES_AT = ownPartOf(256 * ROW_BYTES);

/** Puts product ids into rows of the run as a layout does, each with its hash. */
function fillRun(rows: readonly { name: string; hash: number }[]): void {
  rows.forEach(({ name, hash }, row) => {
    const start = NAMES_AT + row * ROW_BYTES;
    run.bytes.fill(0x2a, start, start + ROW_BYTES);
    run.bytes.set(Buffer.from(name), start);
    run.productStart[row] = start;
    run.productEnd[row] = start + name.length;
    run.productHash[row] = hash;
  });
}

// Names begin alike, some are too long; their hashes are of three sets: they fight for places.
const HASHES = [0, 4_096, 1 << 20, 1, -1];
const product = fc
  .tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 18 }))
  .map(([letter, n]) => ({ name: letter + 'a'.repeat(n), hash: HASHES[n % HASHES.length]! }));
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      owner: fc.nat(2),
      look: fc.array(product, { minLength: 1, maxLength: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ owner: fc.nat(2), drop: product }) },
);

test('what is found near is the dense id that was put there for this dictionary, until dropped', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const owners = [0, 1, 2].map(() => ({
        near: new NearProducts(),
        ids: new Map<string, number>(),
      }));
      let next = 0;
      for (const one of steps) {
        const { near, ids } = owners[one.owner]!;
        if ('drop' in one) {
          const { name, hash } = one.drop;
          const id = ids.get(name);
          if (id !== undefined) near.drop(id, hash);
          ids.delete(name);
          continue;
        }
        const { look } = one;
        fillRun(look);
        run.product.fill(UNKNOWN, 0, look.length);
        const missed = near.lookUp(0, look.length, 3);
        assert.equal(
          missed,
          run.product.subarray(0, look.length).filter((id) => id === UNKNOWN).length,
        );
        look.forEach(({ name }, row) => {
          const id = ids.get(name);
          if (run.product[row] !== UNKNOWN) assert.equal(run.product[row], id, name);
          else {
            ids.set(name, id ?? next++);
            near.put(row, ids.get(name)!);
          }
        });
      }
    }),
  );
});

test('four products of the same sets are found; others take their places in turn', () => {
  const near = new NearProducts();
  const names = ['the first', 'second', '3rd', 'no. 4', 'a fifth one', '6'];
  // Its second set is none of those above.
  fillRun(names.map((name) => ({ name, hash: 0x7000_0077 })));
  const found = () => {
    near.lookUp(0, 6, 6);
    return [...run.product.subarray(0, 6)];
  };
  assert.equal(near.lookUp(0, 6, 6), 6);
  for (const row of [0, 1, 2, 3, 3]) near.put(row, 10 + row);
  new NearProducts().drop(10, 0x7000_0077);
  assert.deepEqual(found(), [10, 11, 12, 13, UNKNOWN, UNKNOWN]);
  // Whichever of the places it has, a product that is dropped is found no more.
  for (const row of [0, 1, 2, 3]) {
    near.drop(10 + row, 0x7000_0077);
    assert.equal(found()[row], UNKNOWN);
    near.put(row, 10 + row);
  }
  near.put(4, 14);
  near.put(5, 15);
  assert.equal(found().filter((id) => id !== UNKNOWN).length, 4);
  assert.deepEqual(found().slice(4), [14, 15]);
  assert.equal(near.lookUp(4, 6, 6), 0, 'rows from another on');
  near.drop(15, 0x7000_0077);
  assert.deepEqual(found().slice(4), [14, UNKNOWN]);
});

test('a product id of sixteen bytes is kept, one of seventeen is not', () => {
  const near = new NearProducts();
  fillRun([16, 17].map((length) => ({ name: 'x'.repeat(length), hash: 5 })));
  near.lookUp(0, 2, 2);
  near.put(0, 1);
  near.put(1, 2);
  assert.equal(near.lookUp(0, 2, 2), 1);
  assert.deepEqual([...run.product.subarray(0, 2)], [1, UNKNOWN]);
});

test('with too many products nothing is looked up', () => {
  const near = new NearProducts();
  fillRun([{ name: 'p', hash: 9 }]);
  assert.equal(near.lookUp(0, 1, 4_096), 1);
  near.put(0, 4);
  run.product[0] = 5;
  assert.equal(near.lookUp(0, 1, 4_097), 1);
  assert.deepEqual([near.isOn, run.product[0]], [false, 5]);
  assert.equal(near.lookUp(0, 1, 4_096), 0);
  assert.deepEqual([near.isOn, run.product[0]], [true, 4]);
});

test('where most is missed it is looked up ever more seldom, and always again', () => {
  const near = new NearProducts();
  const kept = { name: 'kept', hash: 9 };
  fillRun([kept, ...Array.from({ length: 8 }, (_, n) => ({ name: `missing${n}`, hash: n }))]);
  near.lookUp(0, 1, 1);
  near.put(0, 4);
  const tried: number[] = [];
  for (let n = 0; n < 6_000; n++) {
    near.lookUp(0, 9, 9);
    if (near.isOn) tried.push(n);
  }
  assert.ok(tried.length > 16 && tried.length < 120, `tried ${tried.length} times of 6 000`);
  assert.ok((tried.at(-1) ?? 0) > 5_800, `last tried at ${tried.at(-1)}`);
  // With little missed it is looked up each time.
  while (near.lookUp(0, 1, 1) !== 0);
  for (let n = 0; n < 100; n++) assert.equal(near.lookUp(0, 1, 1), 0);
});

test('product ids of one hash that begin and end alike are told apart', () => {
  const products = new Products({ maxProducts: 1_000 });
  const rows = Array.from({ length: 36 }, (_, n) => {
    const length = 3 + (n >> 1);
    const name = `${'x'.repeat(length >> 1)}${n % 2}${'y'.repeat(length - (length >> 1) - 1)}`;
    return { name, hash: 5 };
  });
  for (let length = 17; length >= 8; length--) rows.push({ name: 'z'.repeat(length), hash: 5 });
  fillRun(rows);
  const ids = rows.map(({ hash }, row) =>
    products.find(run.bytes, run.view, run.productStart[row]!, run.productEnd[row]!, hash),
  );
  assert.equal(new Set(ids).size, rows.length);
  // Most of them only far: near there are four places.
  for (let again = 0; again < 2; again++) {
    assert.equal(products.lookUp(0, rows.length), true);
    assert.deepEqual([...run.product.subarray(0, rows.length)], ids);
  }
});

test('dictionaries of one process keep their products apart, through removals and thousands more', () => {
  const readers = [3, 700, 5_000].map((most, seed) => {
    const products = new Products({ maxProducts: 100_000, seed });
    const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
    return { most, products, decoder, events: eventBatch(1_000) };
  });
  for (let round = 0; round < 40; round++)
    for (const { most, products, decoder, events } of readers) {
      const names = Array.from({ length: 1_000 }, (_, i) => `p${(i * 7 + round * 131) % most}`);
      const texts = names.map(
        (name, i) => `{"product_id":"${name}","timestamp":${TIME_MS + i},"event_type":"click"}`,
      );
      const records = recordsOf(texts, 2e12);
      decoder.decode(records, 0, records.count, events);
      names.forEach((name, i) => {
        assert.equal(events.reject[i], 0);
        assert.equal(products.name(events.product[i]!), name);
      });
      // Their dense ids become those of others.
      for (let id = round % 3; id < products.capacity; id += 3) products.remove(id);
    }
});
