/** `clickrate run`: the embedded size until a signal stops it. */
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import { LIMITS, OPTIONS } from '../config.ts';
import { ctr } from '../result.ts';
import { GeneratedTraffic } from '../sources/traffic.ts';
import type { Row } from '../stores/store.ts';
import { configurable, configurationOf, type Flags } from './command.ts';
import { type Embedded, startEmbedded } from './embedded.ts';
import { createLogger } from './logger.ts';
import type { Configuration } from './options.ts';

export type RunOptions = Configuration & { resetWindows: boolean; log: Logger };

/** Runs until SIGINT or SIGTERM; a second signal ends at once. Rejects with what went wrong. */
export async function run(configuration: RunOptions): Promise<void> {
  const { options, settings, log } = configuration;
  const embedded = await startEmbedded({
    options,
    settings,
    log,
    resetWindows: configuration.resetWindows,
  });
  announce(log, embedded, options.data);
  const traffic = new AbortController();
  const generating = options.generate
    ? generate(configuration, embedded, traffic.signal)
    : Promise.resolve();
  const signal = stopSignal(log);
  try {
    await Promise.race([signal, embedded.finished, generating.then(() => signal)]);
  } finally {
    traffic.abort();
    await generating.catch(() => {});
    const forced = setTimeout(() => {
      log.error({ stopMs: LIMITS.stopMs }, 'stopping takes too long; what is stored is safe');
      process.exit(1);
    }, LIMITS.stopMs);
    forced.unref();
    await embedded.stop();
    clearTimeout(forced);
  }
  log.info({}, 'stopped: every accepted event is stored');
}

function announce(log: Logger, { url, store }: Embedded, data: string): void {
  log.info({ data }, `clickrate is up: open ${url}/ctr/latest (docs: ${url}/docs)`);
  let newest = -Infinity;
  store.follow(({ rows, windowMs }) => {
    const starts = rows.map(({ latest }) => latest?.start ?? -Infinity);
    const start = starts.reduce((a, b) => Math.max(a, b), -Infinity);
    if (start <= newest) return;
    newest = start;
    log.info(closing(rows, start), `window ${clock(start)} to ${clock(start + windowMs)} closed`);
  });
}

/** What a window brought, as far as its first commit tells. */
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

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

async function generate(
  { options, log }: RunOptions,
  embedded: Embedded,
  signal: AbortSignal,
): Promise<void> {
  const { rate, products, seed } = options;
  const traffic = new GeneratedTraffic({
    push: embedded.push,
    clock: systemClock,
    log,
    generator: { rate, products, seed },
  });
  log.info({ rate, products }, 'generating traffic; the first window is served after about 13 s');
  await traffic.run(signal);
}

/** Resolves at the first SIGINT or SIGTERM; the second one ends the process. */
function stopSignal(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    const onSignal = (name: string) => {
      signals++;
      if (signals > 1) process.exit(130);
      log.info({ signal: name }, 'stopping: counting what was accepted (again to end now)');
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

export function addRun(top: Command): void {
  const command = configurable(top.command('run'), OPTIONS)
    .description('take events over HTTP (and generate some), count them, serve the rates')
    .option('--reset-windows', 'drop open windows of a checkpoint with another window size')
    .addHelpText(
      'after',
      `
Examples:
  clickrate run --generate                      the original demo in one process
  clickrate run --port 9000 --data /var/lib/clickrate
  CLICKRATE_WINDOW_MS=1000 clickrate run        one-second windows`,
    );
  command.action(async (flags: Flags) => {
    const configuration = configurationOf(flags);
    const log = createLogger(configuration.options);
    await run({ ...configuration, resetWindows: flags.resetWindows === true, log });
  });
}
