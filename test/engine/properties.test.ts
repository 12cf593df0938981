import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { Duplicates } from '../../src/engine/duplicates.ts';
import { PackReader, PackWriter } from '../../src/engine/packing.ts';
import { PublishedBlock } from '../../src/engine/published.ts';
import type { Part } from '../../src/status.ts';
import { fc } from '../support/fast-check.ts';
import { Bench, names, type Row } from '../support/rows.ts';

const row = fc.record({
  ts: fc.integer({ min: 0, max: 60_000 }),
  product: fc.integer({ min: 0, max: 2_100 }),
  kind: fc.constantFrom<0 | 1>(0, 1),
  id: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
});
const stream = fc.array(row, { maxLength: 120 }).map((rows) => rows as Row[]);

test('any batching gives the same verdicts, ledger and watermark', () => {
  fc.assert(
    fc.property(
      stream,
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (rows, sizes) => {
        const whole = new Bench();
        const expected = whole.apply(rows);
        const cut = new Bench();
        const verdicts: number[] = [];
        for (let at = 0, n = 0; at < rows.length; n++) {
          const size = sizes[n % sizes.length];
          verdicts.push(...cut.apply(rows.slice(at, at + size)));
          at += size;
        }
        assert.deepEqual(verdicts, expected);
        assert.deepEqual(cut.task.status([0]), whole.task.status([0]));
      },
    ),
  );
});

test('a checkpoint restored is the state that was saved, wherever it was cut', () => {
  fc.assert(
    fc.property(stream, stream, fc.boolean(), (before, after, closeBetween) => {
      const bench = new Bench();
      const parts = new Map<string, Part>();
      const save = () => {
        for (const commit of bench.settle()) {
          for (const part of commit.parts) parts.set(part.name, part);
          for (const name of commit.removedParts) parts.delete(name);
        }
      };
      bench.apply(before);
      save();
      if (closeBetween) {
        bench.apply([{ ts: 70_000 }]);
        save();
      }
      const status = bench.task.status([7]);
      const original = bench.task;
      bench.task = bench.fresh();
      bench.task.restore(status, [...parts.values()]);
      assert.deepEqual(bench.task.status([7]), { ...status, heldElsewhere: 0 });
      const restored = new Bench();
      restored.task = bench.task;
      const other = new Bench();
      other.task = original;
      assert.deepEqual(restored.apply(after), other.apply(after));
      const published = (b: Bench) => b.settle().flatMap((commit) => commit.results);
      other.apply([{ ts: 90_000 }]);
      restored.apply([{ ts: 90_000 }]);
      const byName = (results: ReturnType<typeof published>) =>
        new Map(results.map((result) => [result.product, result]));
      assert.deepEqual(byName(published(restored)), byName(published(other)));
    }),
  );
});

test('a damaged checkpoint part is refused by name, wherever it is cut off', () => {
  const bench = new Bench();
  bench.apply([
    { ts: 1, id: 1 },
    { ts: 20_000, product: 3 },
    { ts: 31_000, product: 1_030 },
  ]);
  const parts = bench.settle().flatMap((commit) => commit.parts);
  const status = bench.task.status([3]);
  const blocks = parts.filter(({ name }) => name.startsWith('block/'));
  assert.ok(blocks.length > 1);
  for (const part of blocks) {
    for (let length = 0; length < part.bytes.length; length++) {
      const cut = { name: part.name, bytes: part.bytes.slice(0, length) };
      assert.throws(() => bench.fresh().restore(status, [cut]), {
        code: 'checkpoint_damaged',
        message: new RegExp(part.name),
      });
    }
  }
  assert.throws(() => bench.fresh().restore({ ...status, version: 99 }, []), /form 99/);
});

test('packed numbers come back', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat()), fc.array(fc.maxSafeInteger()), (uints, times) => {
      const writer = new PackWriter();
      for (const value of uints) writer.uint(value);
      for (const value of times) writer.float(value);
      const reader = new PackReader('x', writer.take());
      for (const value of uints) assert.equal(reader.uint(), value);
      for (const value of times) assert.equal(reader.time(), value + 0);
      reader.end();
    }),
  );
});

test('the write rule keeps the two newest windows with their last counts', () => {
  const writes = fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.nat({ max: 99 })));
  fc.assert(
    fc.property(writes, (list) => {
      const block = new PublishedBlock();
      const model = new Map<number, number>();
      for (const [start, impressions] of list) {
        block.publish(5, start, impressions, 1);
        // What fell behind the two newest is forgotten: only a newer write of it would count.
        model.set(start, impressions);
        const newest = [...model.keys()].sort((a, b) => b - a);
        assert.deepEqual(block.latest(5), {
          start: newest[0],
          impressions: model.get(newest[0]),
          clicks: 1,
        });
        const previous = newest.length < 2 ? null : newest[1];
        assert.equal(block.previous(5)?.start ?? null, previous);
        if (previous !== null) assert.equal(block.previous(5)?.impressions, model.get(previous));
      }
    }),
  );
});

const idEvent = fc.record({
  id: fc.integer({ min: 0, max: 30 }),
  window: fc.integer({ min: 0, max: 4 }),
  watermark: fc.integer({ min: 0, max: 150_000 }),
  restart: fc.boolean(),
});

test('ids are remembered exactly as long as they live, over restarts and a full table', () => {
  fc.assert(
    fc.property(fc.array(idEvent), fc.integer({ min: 1, max: 40 }), (events, maxIds) => {
      const settings = { ...SETTINGS, maxIds };
      let ids = new Duplicates(settings, 1);
      const model = new Map<number, number>();
      const parts = new Map<string, Part>();
      let watermark = -Infinity;
      for (const event of events) {
        watermark = Math.max(watermark, event.watermark);
        if (watermark >= ids.forgetAt[0]) ids.forget(0, watermark);
        for (const [id, end] of model) if (watermark >= end + 65_000) model.delete(id);
        const words = Uint32Array.of(event.id, 9, 9, 9);
        assert.equal(ids.seen(words, 0, 0, 1, 0), model.has(event.id));
        if (!model.has(event.id)) {
          if (model.size >= maxIds) {
            const oldest = Math.min(...model.values());
            for (const [id, end] of model) if (end === oldest) model.delete(id);
          }
          const end = (event.window + 1) * 10_000;
          ids.remember(0, end);
          model.set(event.id, end);
          if (watermark >= ids.forgetAt[0]) ids.forget(0, watermark);
          for (const [id, life] of model) if (watermark >= life + 65_000) model.delete(id);
        }
        assert.equal(ids.size, model.size);
        if (!event.restart) continue;
        const taken = ids.takeParts();
        for (const part of taken.parts) parts.set(part.name, part);
        for (const name of taken.removed) parts.delete(name);
        ids = new Duplicates(settings, 1);
        for (const part of parts.values()) assert.equal(ids.restore(part), true);
      }
    }),
  );
});

test('with fewer ids allowed than the checkpoint holds, it stays one that can be restored', () => {
  const parts = new Map<string, Part>();
  let ids = new Duplicates({ ...SETTINGS, maxIds: 100_000 }, 1);
  const keep = () => {
    const taken = ids.takeParts();
    for (const name of taken.removed) parts.delete(name);
    for (const part of taken.parts) parts.set(part.name, part);
  };
  const addIds = (from: number, to: number, end: number) => {
    for (let n = from; n < to; n++) {
      assert.equal(ids.seen(Uint32Array.of(n, 1, 2, 3), 0, 0, 1, 0), false);
      ids.remember(0, end);
    }
  };
  const restart = (maxIds: number) => {
    keep();
    ids = new Duplicates({ ...SETTINGS, maxIds }, 1);
    for (const part of parts.values()) assert.equal(ids.restore(part), true);
    ids.restored();
  };
  addIds(0, 9_000, 10_000);
  restart(8_500);
  assert.equal(ids.size, 0);
  assert.equal(ids.dropped, 9_000);
  addIds(0, 200, 10_000);
  restart(8_500);
  assert.equal(ids.size, 200);
});

test('names of unknown parts are left to others', () => {
  const bench = new Bench();
  bench.task.restore(bench.task.status([0]), []);
  assert.deepEqual(bench.task.collect(names, 1).results, []);
});
