/** Where an engine's outcome is not the oracle's. */
import type { Outcome, Window } from './outcome.ts';

export type Difference = {
  engine: string;
  /** A window of a product, a line of the ledger, or the verdict of one event. */
  what: 'window' | 'ledger' | 'event';
  /** Which one. */
  where: string;
  expected: string;
  found: string;
};

const NOTHING = '-';

/** Empty when they agree; windows by start and product, then the ledger, then single events. */
export function differences(expected: Outcome, found: Outcome): Difference[] {
  const { engine } = found;
  const between = (
    what: Difference['what'],
    keys: Iterable<string>,
    textOf: (outcome: Outcome, key: string) => string,
    nameOf = (key: string) => key,
  ) =>
    [...keys].flatMap((key): Difference[] => {
      const texts = { expected: textOf(expected, key), found: textOf(found, key) };
      if (texts.expected === texts.found) return [];
      return [{ engine, what, where: nameOf(key), ...texts }];
    });
  const hasCtr = [...found.windows.values()].every(({ ctr }) => ctr !== null);
  const windowOf = ({ windows }: Outcome, key: string) => windowText(windows.get(key), hasCtr);
  const nameOf = (key: string) => windowName(expected.windows.get(key) ?? found.windows.get(key));
  return [
    ...between('window', both(expected.windows, found.windows), windowOf, nameOf),
    ...between('ledger', both(expected.ledger, found.ledger), ({ ledger }, key) =>
      String(ledger.get(key) ?? 0),
    ),
    ...between(
      'event',
      both(expected.kept, found.kept),
      ({ kept }, key) => kept.get(key) ?? 'counted or duplicate',
    ),
  ];
}

function both(a: Map<string, unknown>, b: Map<string, unknown>): Set<string> {
  return new Set([...a.keys(), ...b.keys()]);
}

function windowName(window: Window | undefined): string {
  if (window === undefined) return NOTHING;
  const { product, startMs } = window;
  const date = new Date(startMs);
  const time = Number.isNaN(date.getTime()) ? String(startMs) : date.toISOString();
  return `${JSON.stringify(product)} ${time}`;
}

function windowText(window: Window | undefined, hasCtr: boolean): string {
  if (window === undefined) return NOTHING;
  const { impressions, clicks, ctr } = window;
  return `${impressions} impressions, ${clicks} clicks${hasCtr ? `, ctr ${ctr}` : ''}`;
}
