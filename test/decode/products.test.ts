import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_PRODUCTS } from '../../src/config.ts';
import { BLOCK_SHIFT } from '../../src/decode/columns.ts';
import { hashOf } from '../../src/decode/keys.ts';
import { Products } from '../../src/decode/products.ts';
import { writePart } from '../../src/decode/products-part.ts';
import { viewOf } from '../../src/text-bytes.ts';
import { anyText } from '../support/any-text.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const encoder = new TextEncoder();
const look = (products: Products, name: string) => {
  const bytes = encoder.encode(`..${name}..`);
  const [view, end] = [viewOf(bytes), bytes.length - 2];
  return products.find(bytes, view, 2, end, hashOf(products.seed, bytes, view, 2, end));
};

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ add: anyText({ minLength: 1, maxLength: 80 }) }),
  },
  { weight: 3, arbitrary: fc.record({ remove: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ restart: fc.constant(true) }) },
);

test('the dictionary is a map of names to ids, over removals and restarts', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      let products = new Products({ maxProducts: 100 });
      const model = new Map<string, number>();
      const parts = new Map<number, Uint8Array>();
      for (const one of steps) {
        if ('add' in one && one.add.isWellFormed()) {
          const known = model.get(one.add);
          const id = look(products, one.add);
          if (known !== undefined) assert.equal(id, known);
          else if (model.size >= 100) assert.equal(id, -1);
          else {
            assert.ok(id < 100, 'ids of those that left are used again');
            assert.ok(![...model.values()].includes(id), 'an id is one product at a time');
            assert.equal(products.name(id), one.add, 'not the name of who had the id before');
            model.set(one.add, id);
          }
        } else if ('remove' in one && model.size > 0) {
          const name = [...model.keys()][one.remove % model.size];
          products.remove(model.get(name) as number);
          model.delete(name);
        } else if ('restart' in one) {
          for (const block of products.takeChanged()) {
            const bytes = products.encode(block);
            if (bytes === null) parts.delete(block);
            else parts.set(block, bytes);
          }
          products = new Products({ maxProducts: 100 });
          for (const [block, bytes] of parts) products.restore(block, bytes);
          assert.deepEqual([products.takeNew(), products.takeChanged()], [[], []]);
        }
        assert.equal(products.size, model.size);
      }
      for (const [name, id] of model) {
        assert.equal(products.name(id), name);
        assert.equal(products.idOf(name), id);
      }
      assert.equal(
        products.idOf('never there at all, longer than what fits a slot, which is 56 bytes'),
        -1,
      );
    }),
  );
});

test('100 000 products in blocks of their own come back from their parts, also in any order', () => {
  const products = new Products({ maxProducts: 100_000 });
  for (let n = 0; n < 100_000; n++) assert.equal(look(products, `product${n}`), n);
  assert.equal(look(products, 'one more'), -1);
  const blocks = products.takeChanged();
  assert.equal(blocks.length, 196);
  assert.equal(products.takeNew().length, 100_000);
  const again = new Products({ maxProducts: 100_000 });
  for (const block of blocks.reverse()) again.restore(block, products.encode(block) as Uint8Array);
  assert.equal(again.size, 100_000);
  assert.equal(again.idOf('product99999'), 99_999);
  assert.equal(again.idOf('product0'), 0);
});

test('product ids that differ by a leading U+FEFF have names that differ', () => {
  const products = new Products({ maxProducts: 10 });
  const [marked, plain] = [look(products, '\ufeffa'), look(products, 'a')];
  assert.deepEqual([products.name(marked), products.name(plain)], ['\ufeffa', 'a']);
  assert.equal(products.idOf(products.name(marked)), marked);
});

test('a damaged part is refused by name', () => {
  const products = new Products({ maxProducts: 10 });
  look(products, 'a');
  look(products, 'bc');
  const bytes = products.encode(0) as Uint8Array;
  const restore = (part: Uint8Array) => new Products({ maxProducts: 10 }).restore(0, part);
  const cuts = [0, 2, 3, 4, 5, 7, 8, 9, 10].filter(
    (length) => length < bytes.length && length !== 6,
  );
  for (const length of cuts)
    assert.throws(
      () => restore(bytes.slice(0, length)),
      { code: 'checkpoint_damaged' },
      `${length}`,
    );
  assert.throws(() => restore(Uint8Array.of(9, ...bytes.slice(1))), /products\/0/);
  assert.throws(() => restore(Uint8Array.of(...bytes, ...bytes.slice(1))), /products\/0/);
  const entry = (slot: number, ...key: number[]) => [slot & 255, slot >>> 8, key.length, 0, ...key];
  const damaged = {
    'no entry': [],
    'an empty product id': entry(0),
    'no UTF-8': entry(0, 0xc3),
    'a slot of no block': entry(1_024, 0x61),
    'a slot outside the block': entry(1 << BLOCK_SHIFT, 0x61),
    'slots that fall': [...entry(2, 0x61), ...entry(1, 0x62)],
    'one product twice': [...entry(1, 0x61), ...entry(2, 0x61)],
  };
  for (const [name, entries] of Object.entries(damaged))
    assert.throws(() => restore(Uint8Array.of(1, ...entries)), /products\/0/, name);
  const blocks = MOST_PRODUCTS >>> BLOCK_SHIFT;
  new Products({ maxProducts: 10 }).restore(blocks - 1, bytes);
  const behind = () => new Products({ maxProducts: 10 }).restore(blocks, bytes);
  assert.throws(behind, { code: 'checkpoint_damaged' });
});

test('what comes from blocks of another size is all written anew', () => {
  const products = new Products({ maxProducts: 10 });
  const entries = [0, 1 << BLOCK_SHIFT].map((slot) => ({ slot, key: encoder.encode(`p${slot}`) }));
  products.restore(1, writePart(entries), BLOCK_SHIFT + 1);
  assert.deepEqual(products.takeChanged(), [2, 3]);
  assert.equal(products.idOf('p0'), 2 << BLOCK_SHIFT);
  products.restore(0, writePart([{ slot: 0, key: encoder.encode('x') }]));
  assert.deepEqual(products.takeChanged(), []);
});

test('keys of removed products are used again: memory does not grow with turnover', () => {
  const products = new Products({ maxProducts: 1_000 });
  for (let n = 0; n < shareOf(200_000); n++) {
    const id = look(products, `a product with a rather long name, number ${n}`);
    assert.ok(id >= 0 && id < 1_000);
    if (products.size === 1_000) for (let old = 0; old < 1_000; old++) products.remove(old);
  }
  assert.ok(products.capacity <= 1_000);
});
