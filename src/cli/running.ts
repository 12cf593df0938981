/** What the sizes have in common once they run: announced, fed, waited for, stopped. */
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import { LIMITS, type Options, type Settings } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { RecordSlices } from '../event.ts';
import { ctr } from '../result.ts';
import { GeneratedTraffic } from '../sources/traffic.ts';
import type { ResultReader, Row } from '../stores/store.ts';
import { onStopSignal } from './signals.ts';

/** A size that has started. */
export type Running = {
  url: string;
  store: Pick<ResultReader, 'follow'>;
  /** Makes records durable, where the process takes events. */
  push?(records: RecordSlices): Promise<unknown>;
  /** Settles when the engine ends; rejects with what it failed with. */
  finished: Promise<void>;
  /** What was accepted is counted and committed; then everything is closed. */
  stop(): Promise<void>;
};

/** The original demo's traffic, and what tells when the first of it is served. */
export type Generated = {
  generator: Pick<Options, 'rate' | 'products' | 'seed'>;
  settings: Settings;
};

/** Runs until SIGINT or SIGTERM; a second signal ends at once. Rejects with what went wrong. */
export async function untilStopped(
  running: Running,
  log: Logger,
  generated: Generated | null = null,
): Promise<void> {
  // Before it says that it is up: whoever reads that may stop it at once.
  const signal = stopSignal(log);
  log.info({}, `clickrate is up: open ${running.url} (docs: ${running.url}/docs)`);
  const unfollow = announceWindows(running, log);
  const traffic = new AbortController();
  const generating =
    generated === null ? Promise.resolve() : generate(running, generated, log, traffic.signal);
  try {
    await Promise.race([signal, running.finished, generating.then(() => signal)]);
  } finally {
    traffic.abort();
    await generating.catch(() => {});
    unfollow();
    const forced = setTimeout(() => {
      log.error({ stopMs: LIMITS.stopMs }, 'stopping takes too long; what is stored is safe');
      process.exit(1);
    }, LIMITS.stopMs);
    forced.unref();
    await running.stop();
    clearTimeout(forced);
  }
  const stored = running.push === undefined ? 'what was read' : 'every accepted event';
  log.info({}, `stopped: ${stored} is stored`);
}

function announceWindows({ store }: Running, log: Logger): () => void {
  let newest = -Infinity;
  return store.follow(({ rows, windowMs }) => {
    let start = newest;
    for (const { latest } of rows)
      if (latest !== null && latest.start > start) start = latest.start;
    if (start === newest) return;
    newest = start;
    const window = `window ${clock(start)} to ${clock(start + windowMs)}`;
    log.info(closing(rows, start), `${window} closed; its first commit has`);
  });
}

/** Not all a window brings: other tasks and later commits follow, and nobody adds them up here. */
function closing(rows: readonly Row[], start: number) {
  const sum = { products: 0, impressions: 0, clicks: 0 };
  for (const { latest } of rows) {
    if (latest?.start !== start) continue;
    sum.products++;
    sum.impressions += latest.impressions;
    sum.clicks += latest.clicks;
  }
  return { ...sum, ctr: ctr(sum.impressions, sum.clicks) };
}

/** Time of day. */
function clock(ms: number): string {
  return new Date(ms).toISOString().slice(-13, -5);
}

async function generate(
  { push }: Running,
  { generator, settings }: Generated,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (push === undefined) throw new ClickrateError('config_invalid', 'this takes no events');
  const traffic = new GeneratedTraffic({ push, clock: systemClock, log, generator });
  const firstS = Math.round((settings.windowMs + settings.watermarkDelayMs) / 1_000);
  const { rate, products } = generator;
  log.info(
    { rate, products },
    `generating traffic; the first window is served after about ${firstS} s`,
  );
  await traffic.run(signal);
}

/** Resolves at the first SIGINT or SIGTERM; the second one ends the process. */
function stopSignal(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal(['SIGINT', 'SIGTERM'], (name) => {
      log.info({ signal: name }, 'stopping: counting what was accepted (again to end now)');
      resolve();
    });
  });
}
