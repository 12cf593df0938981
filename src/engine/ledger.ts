/** The ledger of a task: what became of every event, in columns that add up to `received`. */
import { VERDICTS, type Verdict } from '../event.ts';
import type { Ledger } from '../status.ts';

export class Tally {
  /** One counter a verdict code. */
  readonly counts = new Float64Array(VERDICTS.length);
  since: Record<string, number>;
  missed: number;

  /** As `ledger` stands; null: from nothing on. */
  constructor(ledger: Ledger | null) {
    this.since = ledger?.since ?? {};
    this.missed = ledger?.missed ?? 0;
    VERDICTS.forEach((verdict, code) => {
      this.counts[code] = ledger?.verdicts[verdict] ?? 0;
    });
  }

  /** The ledger as it stands. */
  ledger(): Ledger {
    const verdicts = {} as Record<Verdict, number>;
    let received = 0;
    VERDICTS.forEach((verdict, code) => {
      verdicts[verdict] = this.counts[code];
      received += this.counts[code];
    });
    return { received, verdicts, since: { ...this.since }, missed: this.missed };
  }
}
