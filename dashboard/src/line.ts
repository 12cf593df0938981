/** Where the line of some rates goes, in a box without axes; gaps stay gaps. */

export const WIDTH = 120;
export const HEIGHT = 24;
const PAD = 3;
/** Fewer points are no line: what they would draw is chance. */
const LEAST_POINTS = 5;

export type Rates = readonly (number | null)[];

/** `from`: where the first known rate is; `x` and `y`: the last; `low` and `high`: rates. */
export type Line = { path: string; from: number; x: number; y: number; low: number; high: number };

/**
 * Of `rates` at equal distances and the `newest` behind them; null where none is known. The scale
 * holds at least `span`, so that what is small beside it looks small.
 */
export function lineOf(
  rates: Rates,
  newest: number | null,
  [least, most]: readonly [number, number] = [Infinity, -Infinity],
): Line | null {
  const points = newest === null ? rates : [...rates, newest];
  const known = points.filter((rate) => rate !== null);
  if (known.length === 0) return null;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const [bottom, top] = [Math.min(low, least), Math.max(high, most)];
  const x = (i: number) => rounded((i / Math.max(1, points.length - 1)) * (WIDTH - 2 * PAD) + PAD);
  const y = (rate: number) => {
    const height = top === bottom ? 0.5 : (rate - bottom) / (top - bottom);
    return rounded(HEIGHT - PAD - height * (HEIGHT - 2 * PAD));
  };
  let path = '';
  if (known.length >= LEAST_POINTS)
    points.forEach((rate, i) => {
      if (rate === null) return;
      const isFirst = (points[i - 1] ?? null) === null;
      // One that stands alone is a dot: a line of no length.
      path += isFirst ? `M${x(i)} ${y(rate)}h0` : `L${x(i)} ${y(rate)}`;
    });
  const last = points.findLastIndex((rate) => rate !== null);
  const from = x(points.findIndex((rate) => rate !== null));
  return { path, from, x: x(last), y: y(points[last] as number), low, high };
}

function rounded(px: number): number {
  return Number(px.toFixed(1));
}
