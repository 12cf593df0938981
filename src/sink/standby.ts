/** Waits until nobody owns the sink's task: its owner has let go, or has not committed for long. */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { type Retry, withRetry } from '../pipeline/retry.ts';
import { SILENT_MS } from '../status.ts';
import type { TaskStore } from '../stores/store.ts';

/** Longer than between two commits: it may have let go. */
const QUIET_MS = 6_000;
const LOOK_MS = 1_000;

/** Present in the checkpoint while somebody owns the task; who it is. */
export const OWNER_PART = 'owner';

export type StandbyParts = {
  task: string;
  store: Pick<TaskStore, 'read'>;
  clock: Clock;
  log: Log;
  /** The task's write number; cheap. */
  writeNumber(): Promise<number>;
  /** Whether the owner of that name is known to be gone. */
  isGone(owner: string): boolean;
};

/**
 * Resolves when the task may be claimed, or `retry.signal` is aborted; `onStanding` is told why it
 * waits. After a fence the checkpoint may still name this process: who has claimed since writes its
 * name with its first commit.
 */
export async function untilFree(
  { task, store, clock, log, writeNumber, isGone }: StandbyParts,
  retry: Retry,
  onStanding: (sentence: string) => void,
  wasFenced = false,
): Promise<void> {
  const { signal } = retry;
  if (wasFenced) await clock.sleep(LOOK_MS, signal);
  let owner = await withRetry('reading the checkpoint', retry, () => ownerOf(store, task));
  if (owner === null || (isGone(owner) && !wasFenced)) return;
  const standing = `standing by: ${owner} owns the results`;
  log.info({ task }, standing);
  onStanding(standing);
  const onState = (reason: string | null) =>
    reason === null ? onStanding(standing) : retry.onState(reason);
  const still = { ...retry, onState };
  let number = -1;
  let movedMs = clock.monotonicMs();
  let isLooked = false;
  while (!signal.aborted) {
    const now = await withRetry('looking for the owner', still, writeNumber);
    const nowMs = clock.monotonicMs();
    if (now !== number) {
      number = now;
      movedMs = nowMs;
      isLooked = false;
    }
    if (nowMs - movedMs >= SILENT_MS) break;
    if (!isLooked && nowMs - movedMs >= QUIET_MS) {
      owner = await withRetry('reading the checkpoint', still, () => ownerOf(store, task));
      if (owner === null || isGone(owner)) break;
      isLooked = true;
    }
    await clock.sleep(LOOK_MS, signal);
  }
  if (!signal.aborted) log.info({ task, owner }, 'the owner is gone: taking over');
}

async function ownerOf(store: Pick<TaskStore, 'read'>, task: string): Promise<string | null> {
  const { parts } = await store.read(task);
  const part = parts.find(({ name }) => name === OWNER_PART);
  return part === undefined ? null : new TextDecoder().decode(part.bytes);
}
