/**
 * What an event costs a process, without its start: each way runs over few events and over many,
 * CPU time is counted from launch to the end, and the difference is for the events between. So
 * nothing hangs on when a start is over, and compilers have had the short run to warm up.
 */
import { median } from './measure.ts';

/** A process from its launch to the end of its work. */
export type Run = { events: number; cpuSeconds: number; peakMb: number };

export type Way = {
  key: string;
  what: string;
  /** `round` counts from 0; both lengths are run in each. */
  run(length: 'short' | 'long', round: number): Promise<Run>;
};

export type Cost = {
  /** CPU seconds per million events, start excluded: from the medians of both lengths. */
  perMillion: number;
  /** The same by round: how far one may trust the medians. */
  rounds: number[];
  /** The same of the long runs, start included. */
  wholePerMillion: number;
  /** The largest of all. */
  peakMb: number;
  short: Run[];
  long: Run[];
};

export function costOf(short: readonly Run[], long: readonly Run[]): Cost {
  const of = (runs: readonly Run[]) => median(runs.map(({ cpuSeconds }) => cpuSeconds));
  const [few, many] = [short[0].events, long[0].events];
  const perMillion = (shortS: number, longS: number) => ((longS - shortS) / (many - few)) * 1e6;
  return {
    perMillion: perMillion(of(short), of(long)),
    rounds: long.map(({ cpuSeconds }, n) => perMillion(short[n].cpuSeconds, cpuSeconds)),
    wholePerMillion: (of(long) / many) * 1e6,
    peakMb: Math.max(...[...short, ...long].map(({ peakMb }) => peakMb)),
    short: [...short],
    long: [...long],
  };
}

/** All ways in turn, round after round, so that a machine that changes meets all alike. */
export async function interleaved(
  ways: readonly Way[],
  rounds: number,
): Promise<Map<string, Cost>> {
  const runs = ways.map(() => ({ short: [] as Run[], long: [] as Run[] }));
  for (let round = 0; round < rounds; round++)
    for (const [n, way] of ways.entries()) {
      for (const length of ['short', 'long'] as const) {
        const run = await way.run(length, round);
        runs[n][length].push(run);
        progress(`${way.what}, round ${round + 1}, ${length}`, run);
      }
    }
  return new Map(ways.map(({ key }, n) => [key, costOf(runs[n].short, runs[n].long)]));
}

function progress(name: string, { events, cpuSeconds, peakMb }: Run): void {
  const figures = `${cpuSeconds.toFixed(2)} CPU s, ${peakMb.toFixed(0)} MB`;
  process.stderr.write(`    ${name}: ${(events / 1e6).toFixed(1)} M events, ${figures}\n`);
}

/** How many times the cost of one is that of another: of the medians, and round by round. */
export function timesOf(theirs: Cost, ours: Cost): { value: number; rounds: number[] } {
  return {
    value: theirs.perMillion / ours.perMillion,
    rounds: theirs.rounds.map((cost, n) => cost / ours.rounds[n]),
  };
}
