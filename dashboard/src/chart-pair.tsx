/** The charts of a product with their legend, which gives way to the window under the cursor. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Charts } from './chart.ts';
import type { ChartData } from './chart-data.ts';
import { count, moment, percent, percents } from './format.ts';
import type { Live } from './types.ts';

export function ChartPair({ data }: { data: ChartData }) {
  const place = useRef<HTMLDivElement>(null);
  const charts = useRef<Charts | null>(null);
  const newest = useRef(data);
  newest.current = data;
  const [point, setPoint] = useState<number | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    const draw = ({ Charts }: typeof import('./chart.ts')) => {
      if (gone || place.current === null) return;
      charts.current = new Charts(place.current, newest.current, setPoint);
    };
    // Only this view draws charts, so only it loads what draws them.
    import('./chart.ts').then(draw, () => setFailed(true));
    return () => {
      gone = true;
      charts.current?.destroy();
    };
  }, []);
  // Not for each window that the cursor meets: thousands of them take long to draw.
  useEffect(() => charts.current?.update(data), [data]);
  const window = point === null ? undefined : data.windows[point];
  if (failed) return <Missing />;
  return (
    <figure class="charts">
      <figcaption class="readout" aria-hidden="true">
        {window === undefined ? <Legend /> : <Readout window={window} />}
      </figcaption>
      <div ref={place} class="plots" role="img" aria-label={summaryOf(data.windows)} />
    </figure>
  );
}

/** After an upgrade the server has other files, of which only a new page knows. */
function Missing() {
  return (
    <div class="notice inline" role="alert">
      <p>The charts could not be loaded; the windows are below.</p>
      <button type="button" class="small" onClick={() => location.reload()}>
        Reload the page
      </button>
    </div>
  );
}

function Legend() {
  return (
    <>
      <span class="key rate-key">rate</span>
      <span class="key band-key">95 % interval</span>
      <span class="key revised-key">revised by late events</span>
      <span class="key open-key">open window</span>
      <span class="key imp-key">impressions</span>
      <span class="key click-key">clicks (right)</span>
    </>
  );
}

function Readout({ window }: { window: Live }) {
  return (
    <>
      <b>{moment(window.window_start, Date.now())}</b>
      <span>
        {percent(window.ctr)} % ({percents(window.ctr_low, window.ctr_high)})
      </span>
      <span>{count(window.impressions)} impressions</span>
      <span>{count(window.clicks)} clicks</span>
    </>
  );
}

function summaryOf(windows: readonly Live[]): string {
  const rates = windows.map(({ ctr }) => ctr).filter((ctr) => ctr !== null);
  if (rates.length === 0) return 'Chart: no rate in this range';
  const least = rates.reduce((a, b) => Math.min(a, b));
  const most = rates.reduce((a, b) => Math.max(a, b));
  return (
    `Chart of ${windows.length} windows: the rate lies between ${percent(least)} and ` +
    `${percent(most)} percent. The table below has every figure.`
  );
}
