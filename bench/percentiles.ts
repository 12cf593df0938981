/** Delays as programs of the bench tell them: in a line with a name and four percentiles. */

/** In milliseconds, NaN where nothing was seen; `unseen`: how many never came. */
export type Row = {
  way: string;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  unseen: number;
};

const ROW = /^(.*?\S) +(\d+|-) +(\d+|-) +(\d+|-) +(\d+|-)(?: +(\d+) unseen)?$/;

/** The line of a way whose delays are these; those that are no number were never seen. */
export function percentiles(way: string, delays: readonly number[]): string {
  const known = delays.filter((delay) => !Number.isNaN(delay)).sort((a, b) => a - b);
  const at = (share: number) => known[Math.min(known.length - 1, Math.floor(share * known.length))];
  const figures = [0.5, 0.9, 0.99, 1].map((share) =>
    (known.length === 0 ? '-' : at(share).toFixed(0)).padStart(8),
  );
  const unseen = delays.length - known.length;
  return `${way.padEnd(46)}${figures.join(' ')}${unseen > 0 ? `   ${unseen} unseen` : ''}`;
}

/** What a program told. */
export function rowsOf(output: string): { load: string; rows: Row[] } {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const rows = lines.flatMap((line) => {
    const match = ROW.exec(line);
    if (match === null) return [];
    const [p50, p90, p99, max, unseen = 0] = match.slice(2).map((text) => Number(text ?? 0));
    return [{ way: match[1], p50, p90, p99, max, unseen }];
  });
  return { load: lines.find((line) => line.includes('events/s')) ?? '', rows };
}
