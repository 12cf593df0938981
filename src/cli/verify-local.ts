/** The outcome of the local engine: the replay of the files, as a user would run it. */
import { readFileSync } from 'node:fs';
import type { Result } from '../result.ts';
import type { Status } from '../status.ts';
import { type Outcome, placeOf, type Window, windowKey } from '../verify/outcome.ts';
import { type ReplayOptions, replay } from './replay.ts';

export type LocalOptions = Required<Pick<ReplayOptions, 'results'>> &
  Omit<ReplayOptions, 'data' | 'onKept'>;

/** `results` names a file for the results. Rejects as `replay` does. */
export async function localOutcome(options: LocalOptions): Promise<Outcome> {
  const kept: Outcome['kept'] = new Map();
  const status = await replay({
    ...options,
    onKept: (events) => {
      for (const { partition, offset, reason } of events)
        kept.set(placeOf(partition, offset), reason);
    },
  });
  return {
    engine: 'local',
    kept,
    ledger: ledgerOf(status),
    windows: windowsIn(readFileSync(options.results, 'utf8')),
  };
}

function ledgerOf({ ledger }: Status): Outcome['ledger'] {
  const verdicts = Object.entries(ledger.verdicts).filter(([, events]) => events > 0);
  return new Map([['received', ledger.received], ...verdicts]);
}

function windowsIn(lines: string): Outcome['windows'] {
  const windows: Outcome['windows'] = new Map();
  for (const line of lines.split('\n')) {
    if (line === '') continue;
    const { product_id, window_start, impressions, clicks, ctr } = JSON.parse(line) as Result;
    const window: Window = { product: product_id, startMs: window_start, impressions, clicks, ctr };
    windows.set(windowKey(product_id, window_start), window);
  }
  return windows;
}
