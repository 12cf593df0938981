/** What the two charts of a product draw, as the columns their library takes. */
import type { AlignedData } from 'uplot';
import type { Counts } from './statistics.ts';
import type { Live, OpenWindow } from './types.ts';

export type ChartData = {
  windows: readonly Live[];
  /** Later than the windows, in order. */
  open: readonly OpenWindow[];
  fromMs: number;
  toMs: number;
};

/** Columns of both charts; each open window is a row more. */
export function columns({ windows, open }: ChartData): [rate: AlignedData, counts: AlignedData] {
  const last = windows.at(-1);
  const column = (of: (window: Live) => number | null, ofOpen: OfOpen = () => null) => [
    ...windows.map(of),
    ...open.map(ofOpen),
  ];
  const times = [...windows, ...open].map((w) => w.window_start / 1_000);
  // From the last rate that is known to the one of now.
  const openLine = column((w) => (open.length > 0 && w === last ? rateOf(w) : null), rateOf);
  const rate: AlignedData = [
    times,
    column((w) => scaled(w.ctr_high)),
    column((w) => scaled(w.ctr_low)),
    column(rateOf),
    column((w) => ((w.revisions ?? 0) > 0 ? rateOf(w) : null)),
    openLine,
  ];
  const impressions = column(impressionsOf, impressionsOf);
  const clicks = column(clicksOf, clicksOf);
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

type OfOpen = (window: OpenWindow) => number | null;

const impressionsOf = ({ impressions }: Counts) => impressions;
const clicksOf = ({ clicks }: Counts) => clicks;

/** The exact ratio in percent; `ctr` itself has four decimals. */
function rateOf({ impressions, clicks }: Counts): number | null {
  return impressions === 0 ? null : (clicks / impressions) * 100;
}

function scaled(ratio: number | null): number | null {
  return ratio === null ? null : ratio * 100;
}
