/**
 * Watches one task's commits as the store takes them. State, offsets and results of each commit
 * are held against a recount of the logs up to its offsets; what readers see never goes back.
 */
import assert from 'node:assert/strict';
import type { Settings } from '../../src/config.ts';
import type { Commit, Fence } from '../../src/stores/store.ts';
import type { Cell } from '../../src/verify/oracle.ts';
import { checkComebacks, keptText } from '../oracle/compare.ts';
import type { Outage } from '../support/sim-source.ts';
import { type Read, Recount } from './recount.ts';
import { newestTwo, nothing, type Seen, sumOf } from './seen.ts';

export class Watch {
  readonly #settings: Settings;
  readonly #logs: readonly Read[];
  /** Where each log has begun, from time to time: its oldest records go. */
  readonly #starts: readonly number[][];
  #seen: Seen;
  #recount: Recount | null = null;
  /** Largest offsets that a commit ever made durable. */
  readonly durable: number[];
  commits = 0;

  constructor(settings: Settings, logs: readonly Read[], starts: readonly number[][]) {
    this.#settings = settings;
    this.#logs = logs;
    this.#starts = starts;
    this.durable = logs.map(() => 0);
    this.#seen = nothing(logs.length);
  }

  get status(): Commit['status'] | null {
    return this.#seen.status;
  }

  get number(): number {
    return this.#seen.number;
  }

  claimed(fence: Fence): void {
    this.#seen.fence = fence;
    this.#seen.isFirstOfEpoch = true;
  }

  snapshot(): Seen {
    return structuredClone(this.#seen);
  }

  /** The store has gone back, or (null) lost everything. */
  rollback(snapshot: Seen | null): void {
    this.#seen = snapshot === null ? nothing(this.#logs.length) : structuredClone(snapshot);
    this.#recount = null;
  }

  accepted(commit: Commit): void {
    const seen = this.#seen;
    const { epoch, token } = commit;
    assert.deepEqual({ epoch, token }, seen.fence, 'a commit of another than the last to claim');
    assert.equal(commit.number, seen.number + 1, 'write numbers are consecutive');
    const { status } = commit;
    this.#takeComebacks(commit);
    this.#checkKept(commit, this.#recountTo(status));
    this.#checkStatus(commit);
    this.#checkResults(commit);
    seen.number = commit.number;
    seen.watermark = status.watermark ?? seen.watermark;
    seen.positions = status.partitions.map(({ position }) => position);
    seen.positions.forEach((position, p) => {
      this.durable[p] = Math.max(this.durable[p]!, position);
    });
    seen.status = status;
    seen.isFirstOfEpoch = false;
    this.commits++;
  }

  #takeComebacks(commit: Commit): void {
    for (const { partition, offset, watermark } of [
      ...commit.comebacks,
      ...commit.status.comebacks,
    ]) {
      const comebacks = this.#seen.comebacks[this.#indexOf(partition)]!;
      assert.equal(comebacks.get(offset) ?? watermark, watermark, 'a comeback changed');
      comebacks.set(offset, watermark);
    }
  }

  #indexOf(partition: string): number {
    return this.#logs.findIndex((log) => log.partition === partition);
  }

  /** Counts on from the commit before, or from the beginning after the store went back. */
  #recountTo(status: Commit['status']): Recount {
    const { since } = status.ledger;
    const isNew = this.#recount === null;
    const begins = this.#logs.map((log) => since[log.partition]!);
    const recount = this.#recount ?? new Recount(this.#logs, this.#settings, begins);
    this.#recount = recount;
    this.#takeGaps(status, recount, isNew);
    const jumps = this.#seen.comebacks.map((list) => new Map(list));
    status.partitions.forEach((at, p) => {
      for (const gap of this.#seen.gaps.filter((one) => isNew && one.p === p)) {
        recount.advance(p, gap.from, jumps[p]!);
        recount.skip(p, gap.to);
      }
      recount.advance(p, at.position, jumps[p]!);
      assert.ok(at.position >= (this.#seen.positions[p] ?? 0), `${at.name} went back`);
    });
    assert.deepEqual(recount.complaints, []);
    return recount;
  }

  /** Every event between the commit before and this one that was not counted is kept with it. */
  #checkKept({ kept }: Commit, recount: Recount): void {
    const got = kept.map((event) => keptText(event.partition, event, event.reason));
    const expected = recount.judged.flatMap((list, p) => {
      const { partition, records } = this.#logs[p]!;
      const from = this.#seen.positions[p]!;
      const first = list.findLastIndex(({ offset }) => offset < from) + 1;
      return list.slice(first).flatMap(({ verdict }, n) => {
        if (verdict === 'counted' || verdict === 'duplicate') return [];
        return [keptText(partition, records[recount.indexes[p]![first + n]!]!, verdict)];
      });
    });
    assert.deepEqual(got.sort(), expected.sort(), 'events kept with the commit');
  }

  /** Offsets that the new owner passed over lie between the last commit and a log's beginning. */
  #takeGaps(status: Commit['status'], recount: Recount, isNew: boolean): void {
    const seen = this.#seen;
    const { missed } = status.ledger;
    const floor = status.publishFloor ?? Number.NEGATIVE_INFINITY;
    if (seen.number === 0)
      this.#logs.forEach((log, p) => {
        const to = status.ledger.since[log.partition]!;
        const lost = recount.missing(p, 0, to, floor);
        assert.equal(lost, null, 'an event before the first one read, above the publish floor');
      });
    if (missed === seen.missed) return;
    assert.ok(seen.isFirstOfEpoch, 'offsets were passed over in the middle');
    const [first, second] = this.#logs.map((_, p) => {
      const from = seen.positions[p]!;
      return [from, ...this.#starts[p]!.filter((start) => start > from)];
    }) as [number[], number[]];
    const sums = first.flatMap((a) => second.map((b) => [a, b] as const));
    const found = sums.find(
      ([a, b]) => a + b - seen.positions[0]! - seen.positions[1]! === missed - seen.missed,
    );
    assert.ok(found, `no log begins where ${missed - seen.missed} offsets are missed`);
    found.forEach((to, p) => {
      const from = seen.positions[p]!;
      if (to > from) seen.gaps.push({ p, from, to });
      if (!isNew) recount.skip(p, to);
      const lost = recount.missing(p, from, to, floor);
      assert.equal(lost, null, 'an event that is gone lies above the publish floor');
    });
    seen.missed = missed;
  }

  #checkStatus({ status }: Commit): void {
    const recount = this.#recount!;
    const { received, verdicts } = status.ledger;
    const sum = Object.values(verdicts).reduce((a, b) => a + b, 0);
    assert.equal(received, sum, 'the ledger balances');
    for (const [verdict, events] of Object.entries(verdicts))
      assert.equal(events, recount.totals.get(verdict) ?? 0, `ledger: ${verdict}`);
    assert.ok(
      (status.watermark ?? Number.NEGATIVE_INFINITY) >= this.#seen.watermark ||
        status.watermark === null,
      'the task watermark went back',
    );
    status.partitions.forEach((at, p) => {
      const { watermark, maxTs } = recount.time(p);
      assert.equal(at.watermark ?? Number.NEGATIVE_INFINITY, watermark, `watermark of ${at.name}`);
      assert.equal(at.maxTs ?? Number.NEGATIVE_INFINITY, maxTs, `largest time of ${at.name}`);
    });
  }

  #checkResults({ results, removals, status }: Commit): void {
    const { published, left } = this.#seen;
    const { windowMs } = this.#settings;
    const floor = status.publishFloor ?? Number.NEGATIVE_INFINITY;
    for (const product of removals) {
      published.delete(product);
      left.set(product, status.watermark!);
    }
    for (const { product, latest, previous, cells } of results) {
      const windows = published.get(product) ?? new Map<number, Cell>();
      published.set(product, windows);
      for (const cell of cells) {
        const { start } = cell;
        const counted = this.#recount!.cells.get(product)?.get(start);
        assert.deepEqual({ ...cell }, counted, `counts of ${product} at ${start}`);
        assert.ok(start > floor, `${product} at ${start} is at or below the publish floor`);
        assert.ok(start + windowMs - 1 <= status.watermark!, 'an open window was published');
        const old = windows.get(start);
        const grew = sumOf(cell) > sumOf(old) && cell.clicks >= (old?.clicks ?? 0);
        assert.ok(grew && cell.impressions >= (old?.impressions ?? 0), 'a revision only grows');
        windows.set(start, { ...cell });
      }

      const [newest, second] = newestTwo(windows);
      assert.deepEqual({ ...latest }, newest, `latest of ${product}`);
      assert.deepEqual(
        previous === null ? null : { ...previous },
        second,
        `previous of ${product}`,
      );
    }
  }

  /** At rest: every closed window above the floor is published, and comebacks were true pauses. */
  checkEnd(startMs: number, outages: readonly Outage[]): void {
    const { published, left, status, gaps } = this.#seen;
    if (status === null) return;
    const recount = this.#recountTo(status);
    const floor = status.publishFloor ?? Number.NEGATIVE_INFINITY;
    for (const [product, cells] of recount.cells)
      for (const cell of cells.values()) {
        const got = published.get(product)?.get(cell.start);
        const isGone = cell.start < (left.get(product) ?? Number.NEGATIVE_INFINITY);
        if (cell.start > floor && !isGone)
          assert.deepEqual(got, cell, `${product} at ${cell.start}`);
      }
    if (gaps.length > 0) return;
    const logs = this.#logs.map((log, p) => ({
      ...log,
      records: recount.indexes[p]!.map((at) => log.records[at]!),
    }));
    const judged = new Map(logs.map((log, p) => [log.partition, recount.judged[p]!]));
    const comebacks = this.#seen.comebacks.flatMap((list, p) =>
      [...list].map(([offset, watermark]) => ({
        partition: logs[p]!.partition,
        offset,
        watermark,
      })),
    );
    checkComebacks(
      { settings: this.#settings, startMs, outages: [...outages], logs },
      { judged },
      comebacks,
    );
  }

  /** What readers of the store must see: the two newest windows of each product. */
  rows(): Map<string, [Cell, Cell | null]> {
    return new Map(
      [...this.#seen.published].map(([product, windows]) => [product, newestTwo(windows)]),
    );
  }
}
