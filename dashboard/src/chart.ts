/** The two charts of a product: the rate with its interval over the counts, one cursor for both. */
import './language.ts';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type ChartData, columns, topOfClicks } from './chart-data.ts';
import { type Colours, coloursOf } from './colours.ts';
import { axisCount } from './format.ts';
import { aloneIn, breaksIn, gapsOf } from './gaps.ts';

const COLOURS_DEPEND_ON = ['(prefers-color-scheme: dark)', '(forced-colors: active)', 'print'];
const RATE_PX = 240;
const COUNTS_PX = 130;
const AXIS_PX = 58;
/** The axis of the clicks; the rate leaves the same room, so that times stand under each other. */
const RIGHT_PX = 48;

/** Draws into `place`; `onPoint` gets the index of the window under the cursor, or null. */
export class Charts {
  readonly #place: HTMLElement;
  readonly #onPoint: (index: number | null) => void;
  #plots: uPlot[] = [];
  #data: ChartData;
  readonly #resize: ResizeObserver;
  /** Kept: a listener is taken back only from the very object that it was given to. */
  readonly #media = COLOURS_DEPEND_ON.map((query) => matchMedia(query));
  readonly #redraw = () => this.#build();

  constructor(place: HTMLElement, data: ChartData, onPoint: (index: number | null) => void) {
    this.#place = place;
    this.#data = data;
    this.#onPoint = onPoint;
    this.#build();
    this.#resize = new ResizeObserver(() => {
      for (const plot of this.#plots)
        plot.setSize({ width: Math.max(200, place.clientWidth), height: plot.height });
    });
    this.#resize.observe(place);
    // Colours are read when a plot is made.
    addEventListener('themechange', this.#redraw);
    for (const media of this.#media) media.addEventListener('change', this.#redraw);
  }

  update(data: ChartData): void {
    this.#data = data;
    const [rate, counts] = columns(data);
    this.#plots[0]?.setData(rate);
    this.#plots[1]?.setData(counts);
  }

  destroy(): void {
    this.#resize.disconnect();
    removeEventListener('themechange', this.#redraw);
    for (const media of this.#media) media.removeEventListener('change', this.#redraw);
    for (const plot of this.#plots) plot.destroy();
  }

  #build(): void {
    for (const plot of this.#plots) plot.destroy();
    const width = Math.max(200, this.#place.clientWidth);
    const [rate, counts] = columns(this.#data);
    const colours = coloursOf(this.#place);
    const shared = (): Partial<uPlot.Options> => ({
      width,
      legend: { show: false },
      cursor: {
        sync: { key: 'product' },
        drag: { x: false, y: false },
        points: { size: 7 },
      },
      scales: { x: { time: true, range: () => this.#range() } },
    });
    this.#plots = [
      new uPlot(
        rateOptions(colours, shared(), this.#onPoint, () => this.#data, width),
        rate,
        this.#place,
      ),
      new uPlot(countsOptions(colours, shared()), counts, this.#place),
    ];
  }

  /** Seconds. The range asked for, or what there is of it, and the open windows. */
  #range(): [number, number] {
    const { windows, open, fromMs, toMs } = this.#data;
    const first = windows[0]?.window_start ?? fromMs;
    const end = Math.max(toMs, open.at(-1)?.window_end ?? toMs);
    // A product that began a moment ago is not drawn into a corner.
    const from = Math.max(fromMs, Math.min(first, end - 60_000));
    return [from / 1_000, end / 1_000];
  }
}

function axes(colours: Colours, format: (n: number) => string): uPlot.Axis[] {
  const shared = {
    stroke: colours.text,
    font: '12px system-ui, sans-serif',
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  };
  return [
    { ...shared, values: TIMES, space: 70, size: 28 },
    { ...shared, size: AXIS_PX, space: 36, values: (_plot, ticks) => ticks.map(format) },
  ];
}

/** 24 hours, as everywhere on the page. */
const TIMES: uPlot.Axis.DynamicValues = (_plot, ticks, _axis, _space, incr) => {
  const spec: Intl.DateTimeFormatOptions =
    incr >= 86_400
      ? { day: 'numeric', month: 'short' }
      : { hour: '2-digit', minute: '2-digit', ...(incr < 60 ? { second: '2-digit' } : {}) };
  const text = new Intl.DateTimeFormat('en-GB', spec);
  const days = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
  let before = '';
  return ticks.map((tick) => {
    const today = days.format(tick * 1_000);
    const isNew = before !== '' && before !== today && incr < 86_400;
    before = today;
    return isNew ? today : text.format(tick * 1_000);
  });
};

function rateOptions(
  colours: Colours,
  shared: Partial<uPlot.Options>,
  onPoint: (index: number | null) => void,
  data: () => ChartData,
  widthPx: number,
): uPlot.Options {
  // Many windows in little room would be one thick line.
  const linePx = data().windows.length > widthPx / 2 ? 1 : 1.8;
  const broken = { gaps: gapsOf(() => data().windows) };
  const hidden = { ...broken, stroke: 'transparent', points: { show: false } };
  const alone = {
    show: true,
    size: 5,
    fill: colours.accent,
    filter: () => aloneIn(data().windows.length, breaksIn(data().windows)),
  };
  return {
    ...shared,
    height: RATE_PX,
    padding: [null, RIGHT_PX, null, null],
    scales: { ...shared.scales, y: { range: (_plot, low, high) => rateRange(low, high) } },
    axes: axes(colours, (n) => `${Number(n.toFixed(3))} %`),
    bands: [{ series: [1, 2], fill: colours.band }],
    series: [
      {},
      hidden,
      hidden,
      { ...broken, stroke: colours.accent, width: linePx, points: alone },
      {
        stroke: 'transparent',
        points: { show: true, size: 8, stroke: colours.warm, fill: colours.warm },
      },
      {
        stroke: colours.accent,
        width: 1.5,
        dash: [4, 4],
        points: { show: false },
      },
    ],
    hooks: {
      setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)],
    },
  } as uPlot.Options;
}

/** A little room above and below; never under zero. */
function rateRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = Math.max((high - low) * 0.12, 0.01);
  return [Math.max(0, low - room), high + room];
}

function countsOptions(colours: Colours, shared: Partial<uPlot.Options>): uPlot.Options {
  const bars = uPlot.paths.bars?.({ size: [0.75, 40], align: 1 });
  const drawn = { paths: bars, points: { show: false } };
  const y: uPlot.Scale = { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] };
  const clicks: uPlot.Scale = {
    from: 'y',
    range: (plot, _low, top) => [0, topOfClicks(plot.data[2]!, top)],
  };
  const [times, impressions] = axes(colours, axisCount);
  const right = {
    ...(impressions as uPlot.Axis),
    scale: 'clicks',
    side: 1,
    size: RIGHT_PX,
    stroke: colours.accent,
    grid: { show: false },
  };
  return {
    ...shared,
    height: COUNTS_PX,
    scales: { ...shared.scales, y, clicks },
    axes: [times, impressions, right],
    series: [
      {},
      { ...drawn, fill: colours.soft },
      { ...drawn, scale: 'clicks', fill: colours.accent },
    ],
  } as uPlot.Options;
}
