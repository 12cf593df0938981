/** Windows that were fetched, kept up to date by what the stream tells: pure, without a browser. */
import type { Live, Row } from './types.ts';

/** A row as the stream last told it; none: the product is not there. */
type Told = Row | null | undefined;

/**
 * Start of the previous window of a row that shows that windows may be missing in between; null:
 * none can be. A row names only two windows, so where more closed between two drawings (a hidden
 * tab, one change in the place of many, a reset) the ones before were never told.
 */
export function gapBefore(windows: readonly Live[], row: Told): number | null {
  const previous = row?.previous;
  if (!previous) return null;
  const last = windows.at(-1);
  if (last === undefined) return previous.window_start;
  // Nothing fits between windows that touch.
  return previous.window_start > last.window_start && previous.window_start !== last.window_end
    ? previous.window_start
    : null;
}

export type Span = { windows: Live[]; fromMs: number; toMs: number };

/**
 * Puts in place what the stream has told since: new windows, and late revisions of old ones. Where
 * that is nothing the windows are the very same, and need not be drawn again.
 */
export function withNewest<T extends Span>(span: T, row: Told, rangeMs: number): T {
  let { windows } = span;
  for (const live of [row?.previous, row?.latest]) if (live) windows = withOne(windows, live);
  span.toMs = Math.max(span.toMs, row?.latest?.window_end ?? 0);
  span.fromMs = span.toMs - rangeMs;
  const isOver = ({ window_end: end }: Live) => end <= span.fromMs;
  span.windows = windows.some(isOver) ? windows.filter((window) => !isOver(window)) : windows;
  return span;
}

function withOne(windows: Live[], live: Live): Live[] {
  const after = windows.findLastIndex((w) => w.window_start <= live.window_start) + 1;
  const known = windows[after - 1];
  const isKnown = known?.window_start === live.window_start;
  const next = isKnown ? withRevisions(live, known) : live;
  if (next === known) return windows;
  return [...windows.slice(0, isKnown ? after - 1 : after), next, ...windows.slice(after)];
}

function withRevisions(live: Live, known: Live): Live {
  const grown = live.impressions !== known.impressions || live.clicks !== known.clicks;
  if (!grown && live.status === known.status) return known;
  const revisions = (known.revisions ?? 0) + (grown ? 1 : 0);
  return revisions === 0 ? live : { ...live, revisions };
}

/** Windows fetched once more; revisions are only what this page has seen, so they are kept. */
export function fetchedAgain(windows: readonly Live[], before: readonly Live[]): Live[] {
  const known = new Map(before.map((window) => [window.window_start, window]));
  return windows.map((window) => {
    const was = known.get(window.window_start);
    return was === undefined ? window : withRevisions(window, was);
  });
}
