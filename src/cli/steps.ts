/** Long work without I/O, cut into steps: between two of them a signal can be heard. */
import { setImmediate as turn } from 'node:timers/promises';

export type Steps<T> = Generator<void, T>;

/** Null when the signal came first; what the steps hold open is closed then, too. */
export async function unlessAborted<T>(steps: Steps<T>, signal: AbortSignal): Promise<T | null> {
  try {
    while (!signal.aborted) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await turn();
    }
    return null;
  } finally {
    steps.return(undefined as T);
  }
}

/** All steps at once. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
