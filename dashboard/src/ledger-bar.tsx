/** What became of every event, as one bar that adds up. */
import { count, share, words } from './format.ts';
import type { Counted } from './types.ts';

const CLASSES: Record<string, string> = {
  counted: 'counted',
  duplicate: 'duplicate',
  too_late: 'too-late',
};
/** Parts that are there are seen, however small. */
const LEAST_PX = 3;

export function LedgerBar({ ledger }: { ledger: Counted }) {
  const { received, verdicts, missed, balanced } = ledger;
  const parts = Object.entries(verdicts).filter(([, n]) => n > 0);
  const sum = parts.reduce((total, [, n]) => total + n, 0);
  return (
    <section>
      <h2>Ledger</h2>
      <div class="ledger-bar" aria-hidden="true">
        {parts.map(([verdict, n]) => (
          <i
            key={verdict}
            class={CLASSES[verdict] ?? 'rejected'}
            title={`${words(verdict)}: ${count(n)}`}
            style={{ flex: `${n} 0 ${LEAST_PX}px` }}
          />
        ))}
      </div>
      <ul class="ledger-parts">
        {parts.map(([verdict, n]) => (
          <li key={verdict}>
            <i class={`swatch ${CLASSES[verdict] ?? 'rejected'}`} aria-hidden="true" />
            <span>{isRejection(verdict) ? `rejected: ${words(verdict)}` : words(verdict)}</span>
            <b>{count(n)}</b>
            <small>{share(n, received)}</small>
          </li>
        ))}
      </ul>
      <p class={`sum ${balanced ? 'good' : 'bad'}`}>
        {balanced ? '✓ ' : '✗ '}
        {count(sum)} with a verdict {sum === received ? '=' : '≠'} {count(received)} received
        {balanced ? '; every event is accounted for.' : '; events are not accounted for.'}
        {missed > 0 && ` ${count(missed)} were gone from the log before they could be read.`}
      </p>
    </section>
  );
}

function isRejection(verdict: string): boolean {
  return CLASSES[verdict] === undefined;
}
