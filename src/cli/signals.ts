/** Signals that ask a command to stop, and waiting for that. */
import { systemClock } from '../clock.ts';

/**
 * What comes so soon after the first is the same Ctrl-C: a terminal sends it to all, and npm hands
 * it on to us once more.
 */
const SAME_MS = 500;

/** Calls back at the first signal of `names`; another one ends the process. */
export function onStopSignal(
  names: readonly NodeJS.Signals[],
  onFirst: (name: NodeJS.Signals) => void,
): void {
  let firstMs: number | null = null;
  const onSignal = (name: NodeJS.Signals) => {
    const nowMs = systemClock.monotonicMs();
    if (firstMs !== null) {
      if (nowMs - firstMs >= SAME_MS) process.exit(130);
      return;
    }
    firstMs = nowMs;
    onFirst(name);
  };
  for (const name of names) process.on(name, onSignal);
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
