/** The table of results against a map: any order, repeats, crashes between commits. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { blockPart, restoreBlock } from '../../src/sink/blocks.ts';
import { Table, type WindowResult } from '../../src/sink/table.ts';
import type { Part } from '../../src/status.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const WINDOW = 1_000;
const OPTIONS = {
  windowMs: WINDOW,
  latenessMs: 0,
  expiryMs: 60_000,
  keptWindows: 8,
  blockProducts: 3,
};

const result = (product: string, n: number, impressions: number, clicks = 0): WindowResult => ({
  product,
  start: n * WINDOW,
  impressions,
  clicks,
  from: Math.abs(n) % 2,
  // Told one long after the other.
  toldS: n * 1_000,
});

/** What one commit after the other writes, as a store would keep it. */
class Kept {
  readonly rows = new Map<string, { latest: number; previous: number | null }>();
  readonly history = new Map<string, string>();
  readonly parts = new Map<string, Part>();
  counted = 0;
  /** Windows that are remembered of the first product of the last commit. */
  remembered = 0;

  /** One commit of `table`; false: there was nothing to commit. */
  take(table: Table, limit: number): boolean {
    if (table.isSwept) table.beginSweep();
    const taken = table.take(limit);
    for (const product of taken.removals) this.rows.delete(product);
    for (const { product, latest, previous, cells } of taken.results) {
      this.rows.set(product, { latest: latest.start, previous: previous?.start ?? null });
      for (const { start, impressions, clicks } of cells)
        this.history.set(`${product} ${start}`, `${impressions}/${clicks}`);
    }
    for (const block of taken.blocks) {
      this.remembered = [...block.entries][0]?.cells.length ?? 0;
      const part = blockPart(block, WINDOW);
      this.parts.set(part.name, part);
    }
    this.counted = table.counted;
    return taken.blocks.length > 0;
  }

  restored(): Table {
    const table = new Table(OPTIONS);
    for (const part of this.parts.values()) assert.ok(restoreBlock(table, part, WINDOW));
    assert.equal(table.counted, this.counted);
    return table;
  }
}

/** The same by plain means. */
function oracle(results: readonly WindowResult[]) {
  const rows = new Map<string, { latest: number; previous: number | null }>();
  const best = new Map<string, WindowResult>();
  for (const one of results) {
    const key = `${one.product} ${one.start}`;
    const before = best.get(key);
    const isMore =
      before === undefined || one.impressions + one.clicks > before.impressions + before.clicks;
    if (isMore) best.set(key, one);
  }
  const all = [...best.values()];
  for (const product of new Set(all.map((one) => one.product))) {
    const starts = all.filter((one) => one.product === product).map(({ start }) => start);
    starts.sort((a, b) => b - a);
    rows.set(product, { latest: starts[0], previous: starts[1] ?? null });
  }
  const history = new Map(
    all.map((o) => [`${o.product} ${o.start}`, `${o.impressions}/${o.clicks}`]),
  );
  const counted = all.reduce((sum, { impressions, clicks }) => sum + impressions + clicks, 0);
  return { rows, history, counted };
}

const anyResult = fc
  .record({
    product: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'ü', '\ufeffa', 'h'),
    n: fc.integer({ min: -4, max: 11 }),
    impressions: fc.integer({ min: 0, max: 200 }),
  })
  // Counts of a window grow together, as those of one job do.
  .map(({ product, n, impressions }) =>
    result(product, n, impressions + 1, Math.floor(impressions / 3)),
  );

suite('table of the sink', () => {
  test('any order, repeats and crashes: as the oracle says', () => {
    fc.assert(
      fc.property(
        fc.array(anyResult, { maxLength: 120 }),
        fc.array(fc.constantFrom('commit', 'commit', 'crash', 'go on'), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (results, steps, limit) => {
          const kept = new Kept();
          let table = new Table(OPTIONS);
          // From here on everything may be unknown to the checkpoint.
          let covered = 0;
          let sweptTo = 0;
          for (let i = 0; i < results.length; i++) {
            table.fold(results[i]);
            const step = steps[i % Math.max(1, steps.length)] ?? 'commit';
            if (step === 'commit') {
              if (table.isSwept) sweptTo = i + 1;
              kept.take(table, limit);
              if (table.isSwept) covered = sweptTo;
            } else if (step === 'crash') {
              table = kept.restored();
              for (const again of results.slice(covered, i + 1)) table.fold(again);
            }
          }
          while (kept.take(table, limit));
          const expected = oracle(results);
          assert.deepEqual(kept.rows, expected.rows);
          assert.deepEqual(kept.history, expected.history);
          assert.equal(kept.counted, expected.counted);
          assert.equal(table.pending, 0);
        },
      ),
      { numRuns: shareOf(300) },
    );
  });

  test('a late revision changes its own window only, a smaller repeat nothing', () => {
    const kept = new Kept();
    const table = new Table(OPTIONS);
    for (const n of [1, 2, 3]) table.fold(result('p', n, 10));
    kept.take(table, 10);
    assert.equal(table.fold(result('p', 2, 9)), false);
    assert.equal(table.fold(result('p', 2, 10)), false);
    assert.equal(table.fold(result('p', 1, 11)), true);
    kept.take(table, 10);
    assert.deepEqual(kept.rows.get('p'), { latest: 3_000, previous: 2_000 });
    assert.equal(kept.history.get('p 1000'), '11/0');
    assert.equal(kept.counted, 31);
  });

  test('clicks alone count; a window without counts, or one that is long over, says nothing', () => {
    const table = new Table(OPTIONS);
    assert.equal(table.isDirty, false);
    assert.equal(table.fold(result('p', 1, 0, 0)), false);
    assert.equal(table.isDirty, false);
    assert.equal(table.fold(result('p', 1, 0, 2)), true);
    assert.equal(table.isDirty, true);
    // Over is [1 000, 2 000), with the time for expiry behind it.
    table.expire(61_999);
    assert.equal(table.fold(result('q', 1, 1)), true);
    table.expire(62_000);
    assert.equal(table.fold(result('r', 1, 1)), false);
    assert.equal(table.fold(result('r', 2, 1)), true);
  });

  test('a product that comes back while it leaves is not taken away afterwards', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    // Three products fill a block; the fourth has one with room.
    for (const product of ['a', 'b', 'c', 'd']) table.fold(result(product, 1, 1));
    while (kept.take(table, 10));
    table.fold(result('d', 100, 1));
    table.expire(70_000);
    table.fold(result('a', 101, 5));
    while (kept.take(table, 1));
    assert.deepEqual([...kept.rows.keys()].sort(), ['a', 'd']);
    assert.deepEqual(kept.rows.get('a'), { latest: 101_000, previous: null });
  });

  test('windows that were let go stay counted, and a repeat of them is none', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    for (let n = 0; n < 40; n++) table.fold(result('p', n, 2));
    kept.take(table, 10);
    const again = kept.restored();
    for (let n = 0; n < 40; n++) assert.equal(again.fold(result('p', n, 2)), false);
    assert.equal(again.counted, 80);
    assert.equal(kept.history.size, 40);
  });

  test('windows that are told at once come in any order: none is taken for a repeat', () => {
    const kept = new Kept();
    let table = new Table(OPTIONS);
    const told = (n: number, toldS: number) => ({ ...result('p', 2 * n, 2), toldS });
    for (let n = 59; n >= 30; n--) assert.equal(table.fold(told(n, 1)), true);
    // Also by who begins again in their middle.
    kept.take(table, 10);
    table = kept.restored();
    for (let n = 29; n >= 0; n--) assert.equal(table.fold(told(n, 2)), true);
    kept.take(table, 10);
    assert.equal(kept.remembered, 60);
    // They do not stay: those are over for which time was told, or of which long nothing came.
    table.fold(told(60, 200));
    kept.take(table, 10);
    assert.equal(kept.remembered, OPTIONS.keptWindows);
    for (let n = 61; n < 80; n++) table.fold(told(n, 200));
    table.expire(140 * WINDOW);
    table.fold(told(80, 200));
    kept.take(table, 10);
    assert.equal(kept.remembered, 11);
    assert.equal(kept.counted, 162);
  });

  test('one partition read far ahead of the other: nothing is taken for a repeat', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    for (let n = 0; n < 60; n += 2) table.fold(result('p', n, 2));
    kept.take(table, 10);
    for (let n = 1; n < 60; n += 2) assert.equal(table.fold(result('p', n, 2)), true);
    kept.take(table, 10);
    assert.equal(kept.restored().counted, 120);
    assert.equal(kept.history.size, 60);
    assert.deepEqual(kept.rows.get('p'), { latest: 59_000, previous: 58_000 });
  });

  test('a product leaves an hour after its last window, and may come back', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    table.fold(result('p', 0, 1));
    table.fold(result('q', 5, 1));
    kept.take(table, 10);
    table.expire(WINDOW + OPTIONS.expiryMs - 1);
    assert.equal(table.isDirty, false);
    table.expire(2 * WINDOW + OPTIONS.expiryMs);
    // Before the removal is committed it is there again: both are one commit.
    assert.equal(table.fold(result('p', 0, 1)), false, 'a repeat');
    assert.equal(table.fold(result('p', 9, 4)), true);
    kept.take(table, 10);
    assert.deepEqual(kept.rows.get('p'), { latest: 9_000, previous: null });
    assert.equal(kept.counted, 6);
    table.expire(7 * WINDOW + OPTIONS.expiryMs);
    kept.take(table, 10);
    assert.deepEqual([...kept.rows.keys()], ['p']);
    assert.equal(kept.restored().products, 1);
    assert.equal(kept.counted, 6);
  });

  test('a product whose windows are not committed yet leaves after they are', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    table.fold(result('p', 0, 5, 1));
    table.expire(2 * WINDOW + OPTIONS.expiryMs);
    kept.take(table, 10);
    assert.equal(kept.history.get('p 0'), '5/1');
    assert.deepEqual([[...kept.rows.keys()], kept.counted, table.pending], [['p'], 6, 0]);
    table.expire(4 * WINDOW + OPTIONS.expiryMs);
    kept.take(table, 10);
    assert.deepEqual([[...kept.rows.keys()], kept.counted], [[], 6]);
  });

  test('a commit carries whole blocks, about as many products as fit', () => {
    const table = new Table({ ...OPTIONS, blockProducts: 4 });
    for (let i = 0; i < 40; i++) table.fold(result(`p${i}`, 1, 1));
    const kept = new Kept();
    let commits = 0;
    while (kept.take(table, 8)) commits++;
    assert.equal(commits, 5);
    assert.equal(kept.rows.size, 40);
  });

  test('however little is in each, a commit has a limit of blocks, and of windows', () => {
    const blocksOf = (products: number, windows: number) => {
      const table = new Table({ ...OPTIONS, keptWindows: windows, blockProducts: 1 });
      for (let i = 0; i < products; i++)
        for (let n = 0; n < windows; n++) table.fold(result(`p${i}`, n, 1));
      table.beginSweep();
      return table.take(100).blocks.length;
    };
    assert.equal(blocksOf(40, 1), 16);
    // The block with which four times the limit of products is reached is the last.
    assert.equal(blocksOf(40, 130), 4);
  });

  test('what was taken is not taken again, also where it grew during the sweep', () => {
    const table = new Table(OPTIONS);
    table.fold(result('p', 1, 1));
    table.beginSweep();
    table.fold(result('p', 1, 2));
    assert.equal(table.take(10).results[0]?.latest?.impressions, 2);
    assert.equal(table.isDirty, false);
  });

  test('a product leaves at the moment from which its last window is taken for a repeat', () => {
    const table = new Table(OPTIONS);
    const kept = new Kept();
    table.fold(result('p', 0, 1));
    kept.take(table, 10);
    table.expire(WINDOW + OPTIONS.expiryMs);
    kept.take(table, 10);
    assert.deepEqual([...kept.rows.keys()], []);
    assert.equal(table.fold(result('p', 0, 1)), false);
  });
});
