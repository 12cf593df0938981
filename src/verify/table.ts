/** The outcome of a verification as text for a person. */
import type { Difference } from './compare.ts';
import type { Outcome } from './outcome.ts';

/** One row an engine: events received, their verdicts, windows. */
export function ledgerTable(outcomes: readonly Outcome[]): string {
  const names = [...new Set(outcomes.flatMap(({ ledger }) => [...ledger.keys()]))];
  const verdicts = names.filter((name) => name !== 'received' && name !== 'counted').sort();
  // Held against itself, a store has no count of its verdicts, which is not none.
  const counted = names.includes('counted') ? ['counted'] : [];
  const heads = ['received', ...counted, ...verdicts, 'windows'];
  const rows = outcomes.map(({ engine, ledger, windows }) => [
    engine,
    ...heads.slice(0, -1).map((name) => String(ledger.get(name) ?? 0)),
    String(windows.size),
  ]);
  return columns([['', ...heads], ...rows]);
}

/** The first `limit` differences, and how many there are. */
export function differenceTable(found: readonly Difference[], limit: number): string {
  if (found.length === 0) return '';
  const heads = ['engine', 'what', 'where', 'oracle', 'engine says'];
  const rows = found
    .slice(0, limit)
    .map(({ engine, what, where, expected, found: got }) => [engine, what, where, expected, got]);
  const left = found.length - rows.length;
  return columns([heads, ...rows]) + (left > 0 ? `… and ${left} more\n` : '');
}

/** One line: what was compared and whether it is the same. */
export function summaryLine(expected: Outcome, engines: string[], found: Difference[]): string {
  const count = (what: Difference['what']) => found.filter((one) => one.what === what).length;
  const size = `${expected.ledger.get('received') ?? 0} events, ${expected.windows.size} windows`;
  const who = `${engines.join(', ')} and the oracle`;
  if (found.length === 0) return `${size}: ${who} agree, 0 differences`;
  const parts = `${count('window')} windows, ${count('ledger')} ledger lines`;
  return `${size}: ${who} differ in ${parts}, ${count('event')} events`;
}

/** Numbers end, and texts begin, in one column. */
function columns(rows: string[][]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const isNumber = (text: string) => /^\d+$/.test(text);
  const line = (row: string[]) =>
    row.map((text, i) => (isNumber(text) ? text.padStart(widths[i]) : text.padEnd(widths[i])));
  return rows.map((row) => `${line(row).join('  ').trimEnd()}\n`).join('');
}
