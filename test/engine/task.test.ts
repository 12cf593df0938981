import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sights } from '../../src/engine/watermark.ts';
import { COUNTED, codeOf, DUPLICATE, TOO_LATE } from '../../src/event.ts';
import { awake, Bench, batchOf, names } from '../support/rows.ts';

const FUTURE = codeOf('future_timestamp');

test('a window fires when the watermark reaches its last millisecond, with clicks by kind', () => {
  const bench = new Bench();
  bench.apply([{ ts: 1_000 }, { ts: 2_000, kind: 1 }, { ts: 12_998 }]);
  assert.deepEqual(
    bench.settle().flatMap((c) => c.results),
    [],
  );
  bench.apply([{ ts: 12_999 }]);
  assert.deepEqual(
    bench.settle().flatMap((c) => c.results),
    [
      {
        product: 'p0',
        latest: { start: 0, impressions: 1, clicks: 1 },
        previous: null,
        cells: [{ start: 0, impressions: 1, clicks: 1 }],
      },
    ],
  );
});

test('a late event revises its window; a too late one is kept and changes nothing', () => {
  const bench = new Bench();
  bench.apply([{ ts: 1_000 }, { ts: 13_000 }]);
  bench.settle();
  // The window [0, 10 000) takes events until the watermark is 14 999.
  assert.deepEqual(bench.apply([{ ts: 17_998 }, { ts: 5_000 }, { ts: 17_999 }, { ts: 5_000 }]), [
    COUNTED,
    COUNTED,
    COUNTED,
    TOO_LATE,
  ]);
  const commits = bench.settle();
  assert.deepEqual(commits[0].results[0].cells, [{ start: 0, impressions: 2, clicks: 0 }]);
  assert.deepEqual(
    commits.flatMap((c) => c.kept.map((k) => [k.reason, k.offset])),
    [['too_late', 5]],
  );
});

test('a closed window leaves no state behind but ids, and those until their life ends', () => {
  const silent: Sights = { partitions: [{ idle: true, passed: true }], silenceMs: 1e9 };
  const limits = { openCells: 1_000 };
  const bench = new Bench({}, 1, limits);
  const kept = new Map<string, Uint8Array>();
  const commit = (of: Bench, parts: Map<string, Uint8Array>, sights = silent) => {
    for (const collected of of.settle(sights)) {
      for (const { name, bytes } of collected.parts) parts.set(name, bytes);
      for (const name of collected.removedParts) parts.delete(name);
    }
  };
  const isOpenInBoth = (windows: number) => {
    const restored = bench.fresh();
    const parts = [...kept].map(([name, bytes]) => ({ name, bytes }));
    restored.restore(bench.task.status([bench.offset]), parts);
    assert.deepEqual([bench.task.openWindows, restored.openWindows], [windows, windows]);
  };
  for (let ts = 0; ts < 120_000; ts += 2_000) {
    // The last window of the second block is freed when only the first block moves.
    const products = ts < 80_000 ? [0, 7, 600] : [0, 7];
    bench.apply(products.map((product) => ({ ts, product, id: ts })));
    commit(bench, kept, awake);
  }
  isOpenInBoth(1);
  commit(bench, kept);
  isOpenInBoth(0);
  assert.ok([...kept.keys()].some((name) => name.startsWith('ids/')));
  // By then all products have left, and the ids are forgotten.
  bench.apply([{ ts: 18_000_000, product: 1 }]);
  commit(bench, kept, awake);
  const later = [7, 40].map((product) => ({ ts: 36_000_000, product }));
  const { records, events } = batchOf(later);
  assert.equal(bench.task.apply(0, records, events, 0).next, later.length, 'there is room again');
  bench.task.admit([7, 40]);
  for (const _ of later) commit(bench, kept);
  const other = new Bench({}, 1, limits);
  other.apply(later);
  const fresh = new Map<string, Uint8Array>();
  for (const _ of later) commit(other, fresh);
  assert.deepEqual(kept, fresh);
});

test('a rejected event moves no watermark; a duplicate and a too late one do', () => {
  const bench = new Bench();
  bench.apply([
    { ts: 1_000, id: 1 },
    { ts: 900_000, reject: 'future_timestamp' },
  ]);
  bench.settle();
  assert.equal(bench.task.watermark, -2_000);
  assert.deepEqual(bench.apply([{ ts: 6_000, id: 1 }]), [DUPLICATE]);
  bench.settle();
  assert.equal(bench.task.watermark, 3_000);
});

test('the ledger balances and keeps the reasons', () => {
  const bench = new Bench();
  bench.apply([
    { ts: 20_000, id: 1 },
    { ts: 20_000, id: 1 },
    { ts: 1, reject: 'future_timestamp' },
    { ts: 40_000 },
    { ts: 3 },
  ]);
  const { ledger } = bench.task.status([5]);
  assert.equal(ledger.received, 5);
  assert.equal(ledger.verdicts.counted, 2);
  assert.equal(ledger.verdicts.duplicate, 1);
  assert.equal(ledger.verdicts.future_timestamp, 1);
  assert.equal(ledger.verdicts.too_late, 1);
  assert.equal(FUTURE > TOO_LATE, true);
});

test('ids are scoped by product, kind and partition, and forgotten 65 s after the window', () => {
  const bench = new Bench({}, 2);
  assert.deepEqual(
    bench.apply([
      { ts: 1_000, id: 1 },
      { ts: 1_000, id: 1, product: 1 },
      { ts: 1_000, id: 1, kind: 1 },
      { ts: 1_000, id: 1 },
    ]),
    [COUNTED, COUNTED, COUNTED, DUPLICATE],
  );
  assert.deepEqual(bench.apply([{ ts: 1_000, id: 1 }], 1), [COUNTED]);
  assert.deepEqual(
    bench.apply([{ ts: 77_999 }, { ts: 77_000, id: 1 }, { ts: 78_000 }, { ts: 77_000, id: 1 }]),
    [COUNTED, DUPLICATE, COUNTED, COUNTED],
  );
});

test('an idle partition that speaks takes the watermark of the task, and it is written down', () => {
  const bench = new Bench({}, 2);
  bench.apply([{ ts: 50_000 }], 0);
  const sights = {
    partitions: [
      { idle: false, passed: false },
      { idle: true, passed: true },
    ],
    silenceMs: 0,
  };
  bench.settle(sights);
  assert.equal(bench.task.watermark, 47_000);
  const offset = bench.offset;
  assert.deepEqual(bench.apply([{ ts: 1_000 }, { ts: 46_000 }], 1), [TOO_LATE, COUNTED]);
  const { comebacks, partitions } = bench.task.status([0, 0]);
  assert.deepEqual(comebacks, [{ partition: 't-1', offset, watermark: 47_000 }]);
  assert.deepEqual([partitions[1].watermark, partitions[1].idle], [47_000, false]);
});

test('a rejected event does not end idleness and brings no comeback', () => {
  const bench = new Bench({}, 2);
  bench.apply([{ ts: 50_000 }], 0);
  const idle = { idle: true, passed: true };
  bench.settle({ partitions: [{ idle: false, passed: false }, idle], silenceMs: 0 });
  bench.apply([{ ts: 1, reject: 'not_json' }], 1);
  const status = bench.task.status([0, 0]);
  assert.deepEqual([status.partitions[1].idle, status.comebacks], [true, []]);
});

test('the list of comebacks has a limit; older ones become history', () => {
  const bench = new Bench({}, 2, { comebacks: 3 });
  const idle = {
    partitions: [
      { idle: false, passed: false },
      { idle: true, passed: true },
    ],
    silenceMs: 0,
  };
  let old = 0;
  for (let n = 1; n <= 10; n++) {
    bench.apply([{ ts: n * 20_000 }], 0);
    old += bench.settle(idle).reduce((sum, commit) => sum + commit.comebacks.length, 0);
    bench.apply([{ ts: n * 20_000 }], 1);
  }
  old += bench.settle(idle).reduce((sum, commit) => sum + commit.comebacks.length, 0);
  assert.equal(bench.task.status([0, 0]).comebacks.length, 3);
  assert.equal(old, 7);
});

test('windows that start at or before the publish floor are counted, never published', () => {
  const bench = new Bench();
  bench.task.raiseFloor(10_000);
  bench.apply([{ ts: 1 }, { ts: 10_001 }, { ts: 20_001 }, { ts: 60_000 }]);
  const results = bench.settle().flatMap((commit) => commit.results);
  assert.deepEqual(
    results.flatMap((result) => result.cells.map((cell) => cell.start)),
    [20_000],
  );
  assert.equal(bench.task.status([4]).ledger.verdicts.counted, 4);
});

test('a product of another task is counted and never written', () => {
  const bench = new Bench();
  bench.apply([{ ts: 1 }, { ts: 1, product: 1 }, { ts: 30_000 }]);
  bench.task.advance(awake);
  const first = bench.task.collect(names, 100);
  assert.deepEqual([first.results, first.claims.length], [[], 2]);
  bench.task.answer(first.claims, new Set([1]));
  const second = bench.task.collect(names, 100);
  assert.deepEqual(
    second.results.map((result) => result.product),
    ['p0'],
  );
  assert.equal(bench.task.status([3]).heldElsewhere, 1);
  assert.equal(bench.task.due(), 'later');
});

test('a window that is about to close makes results due soon', () => {
  const bench = new Bench();
  bench.apply([{ ts: 1 }]);
  bench.settle();
  const dueAt = (ts: number) => {
    bench.apply([{ ts }]);
    bench.task.advance(awake);
    return bench.task.due();
  };
  // Of a window that ends at 10 000, with a watermark 3 000 behind.
  assert.equal(dueAt(12_798), 'later');
  assert.equal(dueAt(12_799), 'soon');
  assert.equal(dueAt(12_998), 'soon');
  assert.equal(dueAt(12_999), 'now');
});

test('a closing larger than a commit is spread over commits, block by block', () => {
  const bench = new Bench();
  const rows = Array.from({ length: 5_000 }, (_, product) => ({ ts: 5, product }));
  bench.apply([...rows, { ts: 13_000 }]);
  const commits = bench.settle(awake, 1_100);
  const sizes = commits.map((commit) => commit.results.length).filter((size) => size > 0);
  assert.equal(
    sizes.reduce((a, b) => a + b),
    5_000,
  );
  assert.ok(sizes.length >= 5 && sizes.every((size) => size <= 1_100), `${sizes}`);
  assert.ok(commits.every((commit) => commit.claims.length <= 1_100));
});

test('after 1 h of watermark without a window a product is removed and its id is free', () => {
  const bench = new Bench();
  bench.apply([{ ts: 0, product: 1 }, { ts: 10_000 + 3_600_000 + 2_999 }]);
  assert.deepEqual(
    bench.settle().flatMap((c) => c.expired),
    [],
  );
  bench.apply([{ ts: 10_000 + 3_600_000 + 3_000 }]);
  const commits = bench.settle();
  assert.deepEqual(
    commits.flatMap((c) => c.expired),
    [1],
  );
  assert.deepEqual(
    commits.flatMap((c) => c.removals),
    [1],
  );
});

test('a product whose last window is published leaves in a later commit: stores remove first', () => {
  const bench = new Bench();
  bench.apply([{ ts: 0, product: 1 }]);
  bench.settle();
  bench.apply([{ ts: 7_200_000 }]);
  const [published, ...rest] = [...bench.settle(), ...bench.settle()];
  assert.deepEqual(
    published.results.map(({ product }) => product),
    ['p1'],
  );
  assert.deepEqual(published.removals, []);
  assert.deepEqual(
    rest.flatMap((c) => c.removals),
    [1],
  );
});

test('kept events have a limit: apply stops before it is exceeded by more than one', () => {
  const bench = new Bench({}, 1, { keptBytes: 1_000 });
  const { records, events } = batchOf(
    Array.from({ length: 40 }, () => ({ ts: 0, reject: 'not_json' as const })),
  );
  const first = bench.task.apply(0, records, events, 0).next;
  assert.ok(first > 0 && first < 40);
  assert.equal(bench.task.due(), 'now');
  bench.task.collect(names, 10);
  assert.ok(bench.task.apply(0, records, events, first).next > first);
});

test('of a kept event only so many bytes are kept, and how many it had; no key that is no id', () => {
  const bench = new Bench({}, 1, { keptEventBytes: 10 });
  const { records, events } = batchOf([{ ts: 1, reject: 'not_json' }]);
  const size = records.ends[0]! - records.starts[0]!;
  assert.ok(size > 10);
  bench.task.apply(0, records, events, 0);
  const [kept] = bench.task.collect(names, 10).kept;
  assert.deepEqual([kept!.bytes.length, kept!.cutFrom, kept!.key], [10, size, undefined]);
  const bytes = Buffer.alloc(20_000, 'k');
  for (const [keyEnd, length] of [
    [8_192, 8_192],
    [8_193, undefined],
  ] as const) {
    const keys = { keyStarts: Uint32Array.of(0), keyEnds: Uint32Array.of(keyEnd) };
    bench.task.apply(0, { ...records, bytes, ...keys }, events, 0);
    assert.equal(bench.task.collect(names, 10).kept[0]!.key?.length, length);
  }
});

test('kept events are copies, whatever kind of bytes a source reads into', () => {
  const kinds = [(all: Uint8Array) => Buffer.from(all), (all: Uint8Array) => all.slice()];
  for (const bytesOf of kinds) {
    const bench = new Bench();
    const { records, events } = batchOf([{ ts: 1, reject: 'not_json' }]);
    const said = Buffer.from(records.bytes).toString();
    const bytes = bytesOf(records.bytes);
    const keys = { keyStarts: Uint32Array.of(0), keyEnds: Uint32Array.of(3) };
    bench.task.apply(0, { ...records, bytes, ...keys }, events, 0);
    // The source reads the next records into the same bytes.
    bytes.fill(0);
    const [kept] = bench.task.collect(names, 10).kept;
    assert.equal(Buffer.from(kept!.bytes).toString(), said);
    assert.equal(Buffer.from(kept!.key!).toString(), said.slice(0, 3));
  }
});

test('open cells have a limit; the partition that holds time back still goes on', () => {
  const bench = new Bench({}, 2, { openCells: 320 });
  const rows = Array.from({ length: 100 }, (_, n) => ({ ts: n * 10_000 }));
  const { records, events } = batchOf(rows);
  bench.apply([{ ts: 0 }], 1);
  const { next } = bench.task.apply(0, records, events, 0);
  assert.equal(next, 10);
  bench.task.advance(awake);
  assert.equal(bench.task.mayApply(0), false, 'the faster partition waits');
  assert.equal(bench.task.mayApply(1), true, 'the slower one may speak');
});

test('a partition more than 60 s ahead of the task is not fetched', () => {
  const bench = new Bench({}, 2);
  bench.apply([{ ts: 63_000 }], 0);
  assert.equal(bench.task.drifted(0), false, 'no watermark of the task yet');
  bench.apply([{ ts: 3_000 }], 1);
  bench.task.advance(awake);
  assert.equal(bench.task.drifted(0), false);
  bench.apply([{ ts: 63_001 }], 0);
  assert.equal(bench.task.drifted(0), true);
  assert.equal(bench.task.drifted(1), false);
});
