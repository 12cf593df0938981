/** What a run of the benchmarks measured: a table for people, JSON for machines, ratios to hold. */
import { machine } from './measure.ts';

/** One measured value; `id` is `suite/name` and stays the same from run to run. */
export type Figure = { id: string; what: string; value: number; unit: string; more?: string };

/** How many times one figure is another: the only thing that may be compared between machines. */
export type Ratio = { id: string; what: string; value: number };

export class Report {
  readonly machine = machine();
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
    row(what, `${rounded(value)} ${unit}`, more);
    return value;
  }

  ratio(id: string, what: string, value: number): void {
    this.ratios.push({ id, what, value });
    row(what, `${rounded(value)} ×`, '');
  }

  leaveOut(suite: string, why: string): void {
    this.left.push({ suite, why });
    process.stdout.write(`\n${suite} is left out: ${why}\n`);
  }
}

function row(what: string, figure: string, more: string): void {
  process.stdout.write(`  ${what.padEnd(64)} ${figure.padStart(18)}  ${more}`.trimEnd());
  process.stdout.write('\n');
}

/** Three digits that say something. */
function rounded(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}
