/** A rate and its interval on a common scale. */
import { percent } from './format.ts';
import type { Live } from './types.ts';

const WIDTH = 200;

export function Bar({ latest, scale }: { latest: Live | null; scale: number }) {
  if (latest === null || latest.ctr === null) return <small>no impressions</small>;
  const { ctr, ctr_low: low, ctr_high: high } = latest;
  if (low === null || high === null) return <small>more clicks than views</small>;
  const x = (ratio: number) => Math.min(WIDTH, (ratio / scale) * WIDTH).toFixed(1);
  const width = Math.max(2, Number(x(high)) - Number(x(low)));
  const said = `between ${percent(low)} and ${percent(high)} percent`;
  return (
    <svg
      class="bar95"
      viewBox={`0 0 ${WIDTH} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={said}
    >
      <rect class="track" x="0" y="9" width={WIDTH} height="2" />
      <rect
        class="range"
        x={Math.min(Number(x(low)), WIDTH - width)}
        y="6"
        width={width}
        height="8"
        rx="1"
      />
      <path class="point" d={`M${x(ctr)} 3v14`} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
