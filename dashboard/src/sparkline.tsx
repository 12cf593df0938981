/** A line of rates without axes: time for which none is known is dashed, the live end is a dot. */
import { percent } from './format.ts';
import { HEIGHT, lineOf, type Rates, WIDTH } from './line.ts';

type Props = {
  rates: Rates | null;
  newest: number | null;
  /** What the scale holds at least. */
  span?: readonly [number, number] | undefined;
  /** What the line says of its lowest and highest value; ratios unless it is given. */
  told?: (low: number, high: number) => string;
};

export function Sparkline({ rates, newest, span, told = percentTold }: Props) {
  const line = rates === null ? null : lineOf(rates, newest, span);
  if (line === null) return <span class="nospark" aria-hidden="true" />;
  const said = told(line.low, line.high);
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said}>
      <title>{said}</title>
      <path class="unknown" d={`M0 ${HEIGHT / 2}H${Math.max(0, line.from - GAP)}`} />
      <path d={line.path} />
      <circle cx={line.x} cy={line.y} r="2.2" />
    </svg>
  );
}

/** Between the dashes and the first point. */
const GAP = 5;

function percentTold(low: number, high: number): string {
  return `last hour between ${percent(low)} and ${percent(high)} percent`;
}
