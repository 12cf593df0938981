/** Tries again with growing waits while an error may pass; gives up on stop and on other errors. */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../errors.ts';
import { type Log, Rarely } from '../log.ts';

export type Retry = {
  /** Whose calls they are, for the log. */
  task: string;
  clock: Clock;
  limits: Limits;
  log: Log;
  signal: AbortSignal;
  /** Told each failure, and null when a call went through again. */
  onState(reason: string | null): void;
};

/** Runs `call` until it succeeds; throws its error when it cannot pass, `stopping` when aborted. */
export async function withRetry<T>(what: string, retry: Retry, call: () => Promise<T>): Promise<T> {
  let waitMs = retry.limits.retryMinMs;
  const rarely = new Rarely();
  for (;;) {
    try {
      const value = await call();
      const { failures } = rarely;
      if (failures > 0) {
        retry.log.info({ task: retry.task, failures }, `${what} works again`);
        retry.onState(null);
      }
      return value;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      if (retry.signal.aborted)
        throw new ClickrateError('stopping', `stopped while ${what} failed`, { cause: error });
      const reason = `${what} fails: ${messageOf(error)}`;
      if (rarely.isDue(reason))
        retry.log.warn({ task: retry.task, failures: rarely.failures, waitMs }, reason);
      retry.onState(reason);
      await retry.clock.sleep(waitMs, retry.signal);
      waitMs = Math.min(waitMs * 2, retry.limits.retryMaxMs);
    }
  }
}
