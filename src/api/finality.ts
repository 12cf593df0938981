/**
 * Before when windows are final. A closed task has nothing more to change: a backlog that comes to
 * it later begins new windows, none before its own final time. So it holds nothing back but what
 * may be its own.
 */
import { isAtRest, type Status } from '../status.ts';

/** At rest with windows that are final. */
export function isClosed(status: Status): boolean {
  return status.finalBefore !== null && isAtRest(status);
}

/**
 * Every window of a product that starts before this is final, where `newestStart` is the newest it
 * has: which task owns it is not known, but a closed one has published no window as new as its
 * final time. −Infinity: of any product, also of one that has no window yet.
 */
export function finalBeforeOf(statuses: readonly Status[], newestStart: number): number | null {
  const mayOwn = (status: Status) => !(status.finalBefore! <= newestStart && isClosed(status));
  return leastOf(statuses, ({ finalBefore }) => finalBefore, mayOwn);
}

/** The least watermark of the tasks that have windows to close. */
export function watermarkOf(statuses: readonly Status[]): number | null {
  return leastOf(
    statuses,
    ({ watermark }) => watermark,
    (status) => !isClosed(status),
  );
}

/** The least time of the tasks that count; of all the largest where none does. */
function leastOf(
  statuses: readonly Status[],
  of: (status: Status) => number | null,
  counts: (status: Status) => boolean,
): number | null {
  const known = statuses.filter((status) => of(status) !== null);
  if (known.length === 0) return null;
  const counting = known.filter(counts);
  if (counting.length === 0) return Math.max(...known.map((status) => of(status)!));
  return Math.min(...counting.map((status) => of(status)!));
}
