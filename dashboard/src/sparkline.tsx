/** A line of rates without axes; gaps stay gaps, and the live end is a dot. */
import { percent } from './format.ts';

const WIDTH = 120;
const HEIGHT = 24;
const PAD = 3;

type Props = {
  rates: readonly (number | null)[] | null;
  newest: number | null;
  /** What the line says of its lowest and highest value; ratios unless it is given. */
  told?: (low: number, high: number) => string;
};

export function Sparkline({ rates, newest, told = percentTold }: Props) {
  const known = (rates ?? []).filter((rate) => rate !== null);
  if (rates === null || known.length === 0) return <span class="nospark" aria-hidden="true" />;
  const points = newest === null ? rates : [...rates, newest];
  const all = newest === null ? known : [...known, newest];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const x = (i: number) => (i / Math.max(1, points.length - 1)) * (WIDTH - 2 * PAD) + PAD;
  const y = (rate: number) =>
    high === low ? HEIGHT / 2 : HEIGHT - PAD - ((rate - low) / (high - low)) * (HEIGHT - 2 * PAD);
  const last = points.findLastIndex((rate) => rate !== null);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={told(low, high)}
    >
      <title>{told(low, high)}</title>
      <path d={pathOf(points, x, y)} />
      <circle cx={x(last).toFixed(1)} cy={y(points[last] as number).toFixed(1)} r="2.2" />
    </svg>
  );
}

function percentTold(low: number, high: number): string {
  return `last hour between ${percent(low)} and ${percent(high)} percent`;
}

function pathOf(
  points: readonly (number | null)[],
  x: (i: number) => number,
  y: (rate: number) => number,
): string {
  let path = '';
  let pen = 'M';
  points.forEach((rate, i) => {
    if (rate === null) {
      pen = 'M';
      return;
    }
    path += `${pen}${x(i).toFixed(1)} ${y(rate).toFixed(1)}`;
    pen = 'L';
  });
  return path;
}
