/**
 * Holds what a store has in the end against the oracle, which reads the topics and the committed
 * comebacks: ledger, counts of every window, both windows of every product, kept events.
 */

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../../src/config.ts';
import type { Status } from '../../src/status.ts';
import type { Comeback, Store } from '../../src/stores/store.ts';
import { type Answer, type Cell, type Log, oracle } from '../../src/verify/oracle.ts';
import { keptText } from '../oracle/compare.ts';
import { windowsOf } from '../stores/commits.ts';
import { eventually } from '../support/processes.ts';
import { endsOf, readTopics } from './log-reader.ts';

export type Comebacks = { comebacks(): Promise<(Comeback & { task: string })[]> };
export type Checked = Store & Comebacks;

export type CheckOptions = {
  bootstrap: string;
  topics: readonly string[];
  settings: Settings;
  store: Checked;
  /** Verdicts and kept events are not those of the whole log: only windows after this are held. */
  floorMs?: number;
  /** Windows before this are no longer in the store's history. */
  historySinceMs?: number;
  /** The store holds kept events of other topics too. */
  keptBefore?: boolean;
};

/**
 * Waits until every task has committed to the end of its logs with every window closed. A broker
 * may append later what its producer has given up, so logs that grew meanwhile are read again.
 */
export async function settled(options: CheckOptions, waitMs: number): Promise<Log[]> {
  const { bootstrap, topics } = options;
  const before = await endsOf(bootstrap, topics);
  const logs = await readTopics(bootstrap, topics);
  const ends = logs.map(({ partition, records }) => ({
    partition,
    last: records.at(-1)?.offset ?? null,
  }));
  await committedTo(options.store, ends, waitMs);
  const hasGrown = !isDeepStrictEqual(await endsOf(bootstrap, topics), before);
  return hasGrown ? settled(options, waitMs) : logs;
}

/** Waits until every task has committed past the last record of its logs, all windows closed. */
export async function committedTo(
  store: Pick<Store, 'statuses'>,
  ends: readonly { partition: string; last: number | null }[],
  waitMs: number,
): Promise<void> {
  await eventually(async () => {
    const statuses = await store.statuses();
    for (const { partition, last } of ends) {
      if (last === null) continue;
      const task = /-(\d+)$/.exec(partition)![1];
      const status = statuses.get(task);
      const at = status?.partitions.find(({ name }) => name === partition);
      if (at === undefined || at.position <= last)
        throw new Error(`${partition} stands at ${at?.position}, not behind ${last}`);
      mustBeClosed(status!, task);
    }
    return true;
  }, waitMs);
}

function mustBeClosed(status: Status, task: string): void {
  const { windowMs, allowedLatenessMs } = status.settings;
  const maxTs = Math.max(...status.partitions.map(({ maxTs }) => maxTs ?? -Infinity));
  if (maxTs === -Infinity) return;
  const end = Math.floor(maxTs / windowMs) * windowMs + windowMs;
  if ((status.watermark ?? -Infinity) < end - 1 + allowedLatenessMs)
    throw new Error(`task ${task}: the window that ends at ${end} is open at ${status.watermark}`);
  if ((status.finalBefore ?? -Infinity) < end)
    throw new Error(`task ${task}: final before ${status.finalBefore}, not ${end}`);
}

/** Compares everything; returns the oracle's answers by task. */
export async function check(options: CheckOptions, logs: readonly Log[]): Promise<Answer[]> {
  const taskOf = (log: Log) => /-(\d+)$/.exec(log.partition)![1];
  const tasks = new Set(logs.map(taskOf));
  return checkTasks(options, [...tasks], async (task) =>
    logs.filter((log) => taskOf(log) === task),
  );
}

/**
 * The same, of logs that need not be in memory all at once: `logsOf` reads those of one task. What
 * became of each single event is not in the answers.
 */
export async function checkTasks(
  options: CheckOptions,
  tasks: readonly string[],
  logsOf: (task: string) => Promise<readonly Log[]>,
): Promise<Answer[]> {
  const { store } = options;
  const statuses = await store.statuses();
  const old = await store.comebacks();
  const rows = new Map((await store.load()).rows.map((row) => [row.product, row]));
  const answers: Answer[] = [];
  const kept: string[] = [];
  for (const task of tasks) {
    const status = statuses.get(task);
    const ours = await logsOf(task);
    if (status === undefined) {
      assert.ok(
        ours.every(({ records }) => records.length === 0),
        `task ${task} never committed`,
      );
      continue;
    }
    const comebacks = old.filter((entry) => entry.task === task);
    const answer = await checkTask(options, task, ours, status, comebacks);
    for (const [product, expected] of answer.rows) {
      const row = rows.get(product);
      assert.deepEqual(row?.latest, expected.latest, `latest of ${product}`);
      assert.deepEqual(row?.previous ?? null, expected.previous, `previous of ${product}`);
      rows.delete(product);
    }
    kept.push(...keptIn(answer, ours));
    answers.push({ ...answer, judged: new Map() });
  }
  if (options.floorMs === undefined) {
    assert.deepEqual([...rows.keys()], [], 'products that no event names');
    await checkKept(store, kept, options.keptBefore === true);
  }
  return answers;
}

async function checkTask(
  options: CheckOptions,
  task: string,
  logs: readonly Log[],
  status: Status,
  old: readonly Comeback[],
): Promise<Answer> {
  const { store, settings } = options;
  const publishFloor = options.floorMs ?? status.publishFloor;
  const comebacks = unique([...old, ...status.comebacks]);
  const answer = oracle(logs, comebacks, { ...settings, publishFloor });
  if (options.floorMs === undefined) checkLedger(task, status, answer);
  const fromMs = Math.max(publishFloor ?? -Infinity, (options.historySinceMs ?? -Infinity) - 1);
  await checkWindows(task, store, answer, fromMs);
  return answer;
}

/** What leaves the capped list goes into history; a crash between may show it in both. */
function unique(comebacks: readonly Comeback[]): Comeback[] {
  const byPlace = new Map(comebacks.map((at) => [`${at.partition} ${at.offset}`, at]));
  return [...byPlace.values()].map(({ partition, offset, watermark }) => ({
    partition,
    offset,
    watermark,
  }));
}

function checkLedger(task: string, status: Status, answer: Answer): void {
  assert.deepEqual(answer.complaints, [], `comebacks of task ${task}`);
  const { received, verdicts } = status.ledger;
  const totals = Object.entries(verdicts).filter(([, events]) => events > 0);
  const expected = [...answer.totals].sort();
  assert.deepEqual(totals.sort(), expected, `ledger of task ${task}`);
  assert.equal(received, answer.received, `received by task ${task}`);
}

/** Every window that starts after `afterMs`. */
async function checkWindows(
  task: string,
  store: Store,
  answer: Answer,
  afterMs: number,
): Promise<void> {
  const from = Math.max(afterMs + 1, -Number.MAX_SAFE_INTEGER);
  for (const [product, cells] of answer.cells) {
    const expected = [...cells.values()]
      .filter(({ start }) => start >= from)
      .sort((a, b) => a.start - b.start);
    const got: Cell[] = (await windowsOf(store, product, from, Number.MAX_SAFE_INTEGER)).map(
      ({ start, impressions, clicks }) => ({ start, impressions, clicks }),
    );
    assert.deepEqual(got, expected, `windows of ${product} in task ${task}`);
  }
}

/** Place, verdict and bytes of every event that a store keeps. */
function keptIn({ judged }: Answer, logs: readonly Log[]): string[] {
  return logs.flatMap(({ partition, records }) => {
    const uncounted = (judged.get(partition) ?? []).filter(
      ({ verdict }) => verdict !== 'counted' && verdict !== 'duplicate',
    );
    const reasons = new Map(uncounted.map(({ offset, verdict }) => [offset, verdict]));
    return records.flatMap((record) => {
      const reason = reasons.get(record.offset);
      return reason === undefined ? [] : [keptText(partition, record, reason)];
    });
  });
}

async function checkKept(
  store: Store,
  expected: readonly string[],
  mayHoldMore: boolean,
): Promise<void> {
  const got: string[] = [];
  for (let before: number | undefined; ; ) {
    const page = await store.rejected({
      limit: 1_000,
      ...(before === undefined ? {} : { before }),
    });
    got.push(...page.map((event) => keptText(event.partition, event, event.reason)));
    if (page.length === 0) break;
    before = page.at(-1)!.id;
  }
  const ours = mayHoldMore ? got.filter((event) => expected.includes(event)) : got;
  assert.deepEqual([...new Set(ours)].sort(), [...expected].sort(), 'kept events');
  if (!mayHoldMore) assert.equal(got.length, expected.length, 'each is kept once');
}
