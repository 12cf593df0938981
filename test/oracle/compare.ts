/** Holds what a pipeline committed against what the oracle says of the same logs and comebacks. */
import assert from 'node:assert/strict';
import type { Comeback, Commit } from '../../src/stores/store.ts';
import { type Answer, type Cell, oracle, startOf } from '../../src/verify/oracle.ts';
import type { Stream } from '../support/streams.ts';
import type { Drive } from './drive.ts';

export async function compare(stream: Stream, drive: Drive): Promise<Answer> {
  const comebacks = committedComebacks(drive.commits);
  const floors = stream.floorMs.filter((floor) => floor !== null);
  const publishFloor = floors.length > 0 ? Math.max(...floors) : null;
  const answer = oracle(stream.logs, comebacks, { ...stream.settings, publishFloor });
  assert.deepEqual(answer.complaints, []);
  compareVerdicts(drive, answer);
  compareStatus(stream, drive, answer, publishFloor);
  compareKept(stream, drive, answer);
  compareCells(drive, answer, publishFloor);
  await compareRows(stream, drive, answer);
  checkHistory(stream, drive.commits);
  checkComebacks(stream, answer, comebacks);
  assert.equal(drive.openWindows, 0, 'a closed window leaves no state behind');
  return answer;
}

/** All comebacks ever committed; what leaves the capped list must have gone into history. */
function committedComebacks(commits: readonly Commit[]): Comeback[] {
  const seen = new Map<string, Comeback>();
  const history = new Set<string>();
  const keyOf = (entry: Comeback) => `${entry.partition} ${entry.offset}`;
  for (const commit of commits) {
    for (const entry of [...commit.comebacks, ...commit.status.comebacks]) {
      assert.deepEqual(seen.get(keyOf(entry)) ?? entry, entry, 'a comeback changed');
      seen.set(keyOf(entry), entry);
    }
    for (const entry of commit.comebacks) {
      assert.ok(!history.has(keyOf(entry)), 'a comeback went into history twice');
      history.add(keyOf(entry));
    }
  }
  const listed = new Set([...history, ...(commits.at(-1)?.status.comebacks.map(keyOf) ?? [])]);
  assert.deepEqual([...listed].sort(), [...seen.keys()].sort(), 'a comeback was lost');
  return [...seen.values()];
}

function compareVerdicts(drive: Drive, answer: Answer): void {
  for (const [partition, judged] of answer.judged) {
    const got = [...drive.verdicts.get(partition)!].sort(([a], [b]) => a - b);
    const expected = judged.map(({ offset, verdict }) => [offset, verdict]);
    assert.deepEqual(got, expected, `verdicts of ${partition}`);
  }
}

function compareStatus(
  stream: Stream,
  drive: Drive,
  answer: Answer,
  publishFloor: number | null,
): void {
  const status = drive.commits.at(-1)!.status;
  const { received, verdicts, since, missed } = status.ledger;
  const totals = Object.entries(verdicts).filter(([, events]) => events > 0);
  assert.deepEqual(new Map(totals.sort()), new Map([...answer.totals].sort()), 'ledger');
  assert.equal(received, answer.received, 'received');
  assert.equal(missed, 0);
  assert.equal(status.publishFloor, publishFloor);
  for (const log of stream.logs) {
    const at = status.partitions.find(({ name }) => name === log.partition)!;
    assert.equal(at.watermark, answer.watermarks.get(log.partition), `watermark of ${at.name}`);
    assert.equal(at.maxTs, answer.maxTs.get(log.partition), `largest time of ${at.name}`);
    const last = log.records.at(-1);
    if (last) assert.equal(at.position, last.offset + 1, `position of ${at.name}`);
    assert.equal(since[log.partition], log.records[0]?.offset ?? 0, `ledger of ${at.name} since`);
  }
}

/** A kept event as one text, bytes and all, to compare lists of them. */
export function keptText(
  partition: string,
  { offset, bytes }: { offset: number; bytes: Uint8Array },
  reason: string,
): string {
  return `${partition} ${offset} ${reason} ${Buffer.from(bytes).toString('latin1')}`;
}

/** Every event that was not counted and is no duplicate is kept once, as it came. */
function compareKept(stream: Stream, drive: Drive, answer: Answer): void {
  const kept = drive.commits.flatMap((commit) => commit.kept);
  const got = kept.map((event) => `${event.partition} ${event.offset} ${event.reason}`).sort();
  const expected = [...answer.judged].flatMap(([partition, judged]) =>
    judged
      .filter(({ verdict }) => verdict !== 'counted' && verdict !== 'duplicate')
      .map(({ offset, verdict }) => `${partition} ${offset} ${verdict}`),
  );
  assert.deepEqual(got, expected.sort(), 'kept events');
  const records = new Map(stream.logs.map((log) => [log.partition, log.records]));
  const byOffset = new Map(
    [...records].map(([name, all]) => [name, new Map(all.map((r) => [r.offset, r]))]),
  );
  for (const event of kept) {
    const record = byOffset.get(event.partition)!.get(event.offset)!;
    assert.equal(event.arrivalMs, record.arrivalMs);
    assert.ok(Buffer.compare(event.bytes, record.bytes) === 0, 'kept bytes are the original ones');
    assert.ok(event.message.length > 0, 'a kept event says why');
  }
}

/** The last committed counts of each window are the final ones. */
function compareCells(drive: Drive, answer: Answer, publishFloor: number | null): void {
  const last = new Map<string, Cell>();
  for (const commit of drive.commits)
    for (const { product, cells } of commit.results)
      for (const cell of cells) last.set(`${product} ${cell.start}`, cell);
  const expected = new Map<string, Cell>();
  for (const [product, cells] of answer.cells)
    for (const cell of cells.values())
      if (publishFloor === null || cell.start > publishFloor)
        expected.set(`${product} ${cell.start}`, cell);
  assert.deepEqual(sorted(last), sorted(expected), 'counts by product and window');
}

function sorted<T>(map: Map<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function compareRows(stream: Stream, drive: Drive, answer: Answer): Promise<void> {
  const { windowMs, expiryMs, allowedLatenessMs } = stream.settings;
  const { rows } = await drive.store.load();
  const got = new Map(rows.map((row) => [row.product, row]));
  const watermark = drive.commits.at(-1)!.status.watermark ?? Number.NEGATIVE_INFINITY;
  for (const [product, { latest, previous }] of answer.rows) {
    const row = got.get(product);
    const latestEnd = latest.start + windowMs;
    if (row === undefined) {
      assert.ok(watermark >= latestEnd + expiryMs, `${product} left before its time`);
      continue;
    }
    got.delete(product);
    assert.deepEqual(row.latest, latest, `latest of ${product}`);
    // A product that expired between its two newest windows came back as a new one.
    const previousEnd = (previous?.start ?? 0) + windowMs;
    const mayHaveLeft = latestEnd - 1 + allowedLatenessMs > previousEnd + expiryMs;
    if (row.previous === null && previous !== null && mayHaveLeft) continue;
    assert.deepEqual(row.previous, previous, `previous of ${product}`);
  }
  assert.deepEqual([...got.keys()], [], 'rows of products without a published window');
}

/** What readers see from commit to commit never goes back, and never shows an open window. */
function checkHistory(stream: Stream, commits: readonly Commit[]): void {
  const { windowMs } = stream.settings;
  const latest = new Map<string, number>();
  const cells = new Map<string, Cell>();
  let watermark = Number.NEGATIVE_INFINITY;
  let number = 0;
  for (const commit of commits) {
    const { status } = commit;
    assert.equal(commit.number, ++number, 'write numbers are consecutive');
    assert.ok((status.watermark ?? watermark) >= watermark, 'the task watermark went back');
    watermark = status.watermark ?? watermark;
    const sum = Object.values(status.ledger.verdicts).reduce((a, b) => a + b, 0);
    assert.equal(status.ledger.received, sum, 'the ledger balances in every commit');
    for (const product of commit.removals) latest.delete(product);
    for (const result of commit.results) {
      const { product } = result;
      const before = latest.get(product) ?? Number.NEGATIVE_INFINITY;
      assert.ok(result.latest.start >= before, `latest of ${product} went back`);
      assert.ok((result.previous?.start ?? Number.NEGATIVE_INFINITY) < result.latest.start);
      latest.set(product, result.latest.start);
      for (const cell of result.cells) {
        assert.ok(cell.start + windowMs - 1 <= watermark, 'an open window was published');
        const key = `${product} ${cell.start}`;
        const old = cells.get(key) ?? { start: cell.start, impressions: 0, clicks: 0 };
        assert.ok(cell.impressions >= old.impressions && cell.clicks >= old.clicks, 'shrank');
        const grew = cell.impressions + cell.clicks > old.impressions + old.clicks;
        assert.ok(grew, `a revision of ${key} says nothing new`);
        cells.set(key, cell);
      }
    }
  }
}

/**
 * A partition comes back only from a true pause, and to no later time than silence may reach after
 * what had arrived before: the task's time passes an idle partition only when a fetch, sent after
 * those records were there, found the partition's log at its end.
 */
export function checkComebacks(
  stream: Pick<Stream, 'settings' | 'startMs' | 'outages' | 'logs'>,
  { judged: verdicts }: Pick<Answer, 'judged'>,
  comebacks: readonly Comeback[],
): void {
  const { idleAfterMs, windowMs, allowedLatenessMs } = stream.settings;
  for (const { partition, offset, watermark } of comebacks) {
    const p = stream.logs.findIndex((log) => log.partition === partition);
    const records = stream.logs[p]!.records;
    const judged = verdicts.get(partition)!;
    const at = judged.findIndex((event) => event.offset === offset);
    const arrivalMs = records[at]!.arrivalMs;
    let goodMs = stream.startMs;
    for (let i = 0; i < at; i++)
      if (['counted', 'duplicate'].includes(judged[i]!.verdict)) goodMs = records[i]!.arrivalMs;
    const idleFromMs = goodMs + idleAfterMs;
    assert.ok(arrivalMs > idleFromMs, `${partition} was not idle before ${offset}`);
    const hidden = stream.outages.some(
      (o) => o.partition === p && o.fromMs <= idleFromMs && o.toMs > arrivalMs,
    );
    assert.ok(!hidden, `${partition} was out of reach, not idle, before ${offset}`);
    let newest = Number.NEGATIVE_INFINITY;
    for (const log of stream.logs)
      verdicts.get(log.partition)!.forEach(({ ts }, i) => {
        if (ts !== null && log.records[i]!.arrivalMs < arrivalMs) newest = Math.max(newest, ts);
      });
    const most = startOf(newest, windowMs) + windowMs - 1 + allowedLatenessMs;
    assert.ok(watermark <= most, `the comeback before ${offset} is later than silence may reach`);
  }
}
