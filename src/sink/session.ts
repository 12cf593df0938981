/** What the sink holds between a claim and the next, and how it is taken up from a checkpoint. */
import type { Clock } from '../clock.ts';
import type { Settings } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Retry, withRetry } from '../pipeline/retry.ts';
import type { Status } from '../status.ts';
import type { Fence, TaskStore } from '../stores/store.ts';
import type { SinkSource } from './source.ts';
import { SinkState } from './state.ts';

export type SessionParts = {
  task: string;
  source: SinkSource;
  store: TaskStore;
  clock: Clock;
  settings: Settings;
  log: Log;
  /** A token that no claim had before. */
  newToken(): string;
};

export type SinkSession = {
  state: SinkState;
  fence: Fence;
  /** Last write number. */
  number: number;
  topicIds: string[];
  /** Offset of the next record to read, by topic partition. */
  positions: number[];
  /** Where reading would go on after a crash: everything before is in the checkpoint. */
  safe: Reached;
  /** As it was when the sweep under way began. */
  swept: Reached;
};

/** How far was read, and the watermark whose results are all before that. */
export type Reached = { positions: number[]; watermark: number | null };

/** Claims the task and goes on where its checkpoint stands. */
export async function openSession(parts: SessionParts, retry: Retry): Promise<SinkSession> {
  const { store, task, source, settings, newToken, log } = parts;
  // Sent once: without an answer it may have been applied, so the next one has a new token.
  const fence = await withRetry('the claim', retry, () => store.claim(task, newToken()));
  const {
    number,
    status,
    parts: kept,
  } = await withRetry('reading the checkpoint', retry, () => store.read(task));
  mustHaveWindows(status, settings);
  const { places, opened } = await withRetry('opening the topics', retry, async () => {
    const places = await source.places();
    const positions = places.map(({ name }) => {
      const at = status?.partitions.find((partition) => partition.name === name);
      return { offset: at?.position ?? null, topicId: at?.topicId ?? null };
    });
    return { places, opened: await source.open(positions) };
  });
  const state = new SinkState(places, settings, store.resultsPerCommit);
  if (status !== null) state.restore(status, kept, parts.clock.monotonicMs());
  const positions = opened.map(({ offset }) => offset);
  opened.forEach((at, p) => {
    state.missed += at.missed;
    state.since[places[p].name] ??= at.offset;
  });
  const { epoch } = fence;
  const what = status === null ? 'no checkpoint yet' : 'checkpoint restored';
  log.info({ task, epoch, positions, products: state.table.products }, `task claimed, ${what}`);
  const topicIds = opened.map(({ topicId }) => topicId);
  const safe = { positions: [...positions], watermark: state.watermark };
  return { state, fence, number, topicIds, positions, safe, swept: safe };
}

function mustHaveWindows(status: Status | null, { windowMs }: Settings): void {
  if (status === null || status.settings.windowMs === windowMs) return;
  throw new ClickrateError(
    'checkpoint_settings',
    `the checkpoint of the sink has windowMs ${status.settings.windowMs}, not ${windowMs}; run ` +
      'with that, or with another store',
  );
}
