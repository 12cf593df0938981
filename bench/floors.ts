/** Holds the ratios of a run to their floors. */
import type { Ratio } from './report.ts';

/** By ratio id: what it must be at least. */
export type Floors = Readonly<Record<string, number>>;

export type Verdict = {
  /** Sentences about ratios that fell under their floor. */
  fallen: string[];
  /** Floors of suites that ran, whose ratio was not measured. */
  unmeasured: string[];
  /** Ratios that were measured and have no floor. */
  unbounded: string[];
  held: number;
};

/** @param suites those that were asked for; floors of others say nothing */
export function compare(
  ratios: readonly Ratio[],
  floors: Floors,
  suites: readonly string[],
): Verdict {
  const measured = new Map(ratios.map((ratio) => [ratio.id, ratio]));
  const unbounded = [...measured.keys()].filter((id) => !Object.hasOwn(floors, id));
  const verdict: Verdict = { fallen: [], unmeasured: [], unbounded, held: 0 };
  for (const [id, floor] of Object.entries(floors)) {
    if (!suites.includes(id.split('/')[0])) continue;
    const ratio = measured.get(id);
    if (ratio === undefined) verdict.unmeasured.push(id);
    // Also what is no number at all.
    else if (!(ratio.value >= floor))
      verdict.fallen.push(`${ratio.what}: ${ratio.value.toFixed(2)} ×, its floor is ${floor} ×`);
    else verdict.held++;
  }
  return verdict;
}

/** How much of a measured ratio a floor asks for: runs differ, and machines do. */
const SHARE = 0.8;

/** Floors a little under what was measured; those of other ratios stay. */
export function floorsUnder(ratios: readonly Ratio[], floors: Floors): Floors {
  const all = new Map(Object.entries(floors));
  for (const { id, value } of ratios) all.set(id, Number((value * SHARE).toPrecision(2)));
  return Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The verdict as lines for a person, and the exit code: 1 unless every ratio held. */
export function told({ fallen, unmeasured, unbounded, held }: Verdict): [string[], 0 | 1] {
  const lines = [
    ...fallen.map((sentence) => `fell: ${sentence}`),
    ...unmeasured.map((id) => `not measured: ${id}`),
    ...unbounded.map((id) => `has no floor: ${id}`),
  ];
  const count = lines.length;
  return [[...lines, `${held} ratios held, ${count} did not`], count === 0 ? 0 : 1];
}
