/** Where the line of a rate is broken: between windows that do not follow each other. */
import type { Series } from 'uplot';

type Span = { window_start: number; window_end: number };

/** Places of windows that do not begin where the one before ends. */
export function breaksIn(windows: readonly Span[]): number[] {
  const places: number[] = [];
  for (let i = 1; i < windows.length; i++)
    if ((windows[i] as Span).window_start > (windows[i - 1] as Span).window_end) places.push(i);
  return places;
}

/** Places of those with a break on both sides: no line leads to them. */
export function aloneIn(length: number, breaks: readonly number[]): number[] {
  const edges = [0, ...breaks, length];
  return edges.slice(0, -1).filter((place, n) => edges[n + 1] === place + 1);
}

/** Nothing is drawn across times without windows: there was no rate. */
export function gapsOf(windows: () => readonly Span[]): Series.GapsRefiner {
  return (plot, _series, from, to, gaps) => {
    const at = (place: number) => plot.valToPos(plot.data[0][place] as number, 'x', true);
    for (const place of breaksIn(windows()))
      if (place > from && place <= to) gaps.push([at(place - 1), at(place)]);
    return gaps.sort((a, b) => a[0] - b[0]);
  };
}
