/** What the two charts of a product draw, as the columns their library takes. */
import type { AlignedData } from 'uplot';
import type { Live, OpenWindow } from './types.ts';

export type ChartData = {
  windows: readonly Live[];
  open: OpenWindow | null;
  fromMs: number;
  toMs: number;
};

/** Columns of both charts; the open window is a row more. */
export function columns({ windows, open }: ChartData): [rate: AlignedData, counts: AlignedData] {
  const last = windows.at(-1);
  const tail = last === undefined || (open?.window_start ?? 0) > last.window_start ? open : null;
  const column = (of: (window: Live) => number | null, ofTail: number | null = null) => {
    const closed = windows.map(of);
    return tail === null ? closed : [...closed, ofTail];
  };
  const times = [...windows, ...(tail === null ? [] : [tail])].map((w) => w.window_start / 1_000);
  // From the last rate that is known to the one of now.
  const openLine = column((w) => (tail !== null && w === last ? rateOf(w) : null), rateOf(tail));
  const rate: AlignedData = [
    times,
    column((w) => scaled(w.ctr_high)),
    column((w) => scaled(w.ctr_low)),
    column(rateOf),
    column((w) => ((w.revisions ?? 0) > 0 ? rateOf(w) : null)),
    openLine,
  ];
  const impressions = column((w) => w.impressions, tail?.impressions);
  const clicks = column((w) => w.clicks, tail?.clicks);
  return [rate, [times, impressions, clicks]];
}

/**
 * Where the scale of clicks ends. Few clicks have one of their own, which shows them in its lower
 * third; a third and more of the impressions have theirs, so that the bars show the rate.
 */
export function topOfClicks(clicks: ArrayLike<number | null | undefined>, top: number): number {
  const most = Math.max(1, ...Array.from(clicks, (n) => n ?? 0));
  return Math.max(most, Math.min(most * 3, top));
}

/** The exact ratio in percent; `ctr` itself has four decimals. */
function rateOf(window: Pick<Live, 'impressions' | 'clicks'> | null): number | null {
  if (window === null || window.impressions === 0) return null;
  return (window.clicks / window.impressions) * 100;
}

function scaled(ratio: number | null): number | null {
  return ratio === null ? null : ratio * 100;
}
