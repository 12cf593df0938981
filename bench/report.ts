/** What a run of the benchmarks measured: a table for people, JSON for machines, ratios to hold. */
import { describeMachine } from './measure.ts';
import type { Cost } from './slope.ts';

/** One measured value; `id` is `suite/name` and stays the same from run to run. */
export type Figure = {
  id: string;
  what: string;
  value: number;
  unit: string;
  more?: string;
  /** What it is the median of, as it was measured. */
  samples?: unknown;
};

/** How many times one figure is another: the only thing that may be compared between machines. */
export type Ratio = { id: string; what: string; value: number };

/** A row of the table that the project is held to. */
export type Row = {
  id: string;
  /** What ours is measured against. */
  against: string;
  /** The bound, in words; the measured value, in the same words. */
  asked: string;
  measured: string;
  /** The least and the most of its rounds, where it has rounds. */
  range?: string;
  holds: boolean;
  /** Events, bytes an event, partitions, products, events a window. */
  load: string;
};

/** A bound on a value: at least so much, or at most. */
export type Bound = { least: number } | { most: number };

/** What makes a row; `unit` follows the numbers. */
export type Held = {
  id: string;
  against: string;
  value: number;
  unit: string;
  bound: Bound;
  load: string;
  /** What each round alone would have said. */
  rounds?: readonly number[];
};

export class Report {
  readonly at = new Date().toISOString();
  readonly machine = describeMachine();
  readonly rows: Row[] = [];
  readonly figures: Figure[] = [];
  readonly ratios: Ratio[] = [];
  /** Suites that could not run, and why. */
  readonly left: { suite: string; why: string }[] = [];

  title(text: string): void {
    process.stdout.write(`\n${text}\n`);
  }

  figure(figure: Figure): number {
    const { what, value, unit, more = '' } = figure;
    this.figures.push(figure);
    line(what, `${rounded(value)} ${unit}`, more);
    return value;
  }

  /** What a process costs an event, and its peak memory. */
  cost(id: string, what: string, cost: Cost): void {
    const { perMillion, wholePerMillion, peakMb, short, long } = cost;
    const [few, many] = [short, long].map(([run]) => run.events / 1e6);
    const whole =
      `${rounded(wholePerMillion)} with its start, ${peakMb.toFixed(0)} MB; ` +
      `${few} and ${many} M events, ${short.length} runs each`;
    const samples = { short, long };
    this.figure({ id, what, value: perMillion, unit: 'CPU s/M', more: whole, samples });
    const peak = { id: `${id}/peak`, what: `${what}, peak memory`, value: peakMb, unit: 'MB' };
    this.figures.push(peak);
  }

  /** Larger is better for us. */
  ratio(id: string, what: string, value: number): void {
    this.ratios.push({ id, what, value });
    line(what, `${rounded(value)} ×`, '');
  }

  /** A row with what is asked of it. */
  row({ id, against, value, unit, bound, load, rounds = [] }: Held): void {
    const holds = 'least' in bound ? value >= bound.least : value <= bound.most;
    const word = 'least' in bound ? `≥ ${bound.least}` : `≤ ${bound.most}`;
    const measured = `${rounded(value)} ${unit}`;
    const row: Row = { id, against, asked: `${word} ${unit}`, measured, holds, load };
    if (rounds.length > 1)
      row.range = [Math.min(...rounds), Math.max(...rounds)].map(rounded).join('–');
    this.rows.push(row);
    const more = row.range === undefined ? '' : `, rounds ${row.range}`;
    line(`${holds ? '✓' : '✗'} ${against}`, measured, `asked ${row.asked}${more}`);
  }

  leaveOut(suite: string, why: string): void {
    this.left.push({ suite, why });
    process.stdout.write(`\n${suite} is left out: ${why}\n`);
  }
}

function line(what: string, figure: string, more: string): void {
  process.stdout.write(`  ${what.padEnd(64)} ${figure.padStart(18)}  ${more}`.trimEnd());
  process.stdout.write('\n');
}

/** Thousands apart, as everywhere in the documents. */
export function grouped(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ');
}

/** Three digits that say something. */
export function rounded(value: number): string {
  if (Math.abs(value) >= 100) return grouped(Math.round(value));
  return value.toPrecision(3);
}
