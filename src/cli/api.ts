/** `clickrate api`: serves the results of a Redis store, without an engine of its own. */
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { type DoorOptions, Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { systemClock } from '../clock.ts';
import { LIMITS, type Limits, type Options, type Settings } from '../config.ts';
import { isRetryable } from '../errors.ts';
import { RedisStore } from '../stores/redis/store.ts';
import {
  configurationOf,
  DOOR_OPTIONS,
  type Flags,
  interruption,
  pick,
  withOptions,
} from './command.ts';
import { CommittedHealth } from './committed-health.ts';
import { listen } from './listen.ts';
import { createLogger } from './logger.ts';
import { limitsOf } from './open-store.ts';
import { builtPage } from './page.ts';
import { VERSION } from './version.ts';
import { shareMetrics } from './worker-metrics.ts';
import { leaveWorkers, mustBeSome, runWorkers, workerSlot } from './workers.ts';

export type ApiProcessParts = {
  options: Pick<Options, 'port' | 'redis' | 'redisPassword' | 'minSample' | 'timeZone'> &
    DoorOptions;
  settings: Settings;
  limits: Limits;
  log: Logger;
};

export type ApiProcess = { url: string; stop(): Promise<void> };

/**
 * Serves what Redis holds: loaded once, then followed. Without Redis it starts as well, answers 503
 * until there is something to answer with, and then the last known with its age in a header.
 * Throws `config_invalid`, `port_in_use`, `store_foreign`: what waiting would not mend.
 */
export async function startApi(parts: ApiProcessParts): Promise<ApiProcess> {
  const { options, settings, limits, log } = parts;
  const { redis: url, redisPassword: password } = options;
  const store = new RedisStore({ url, password, timeZone: options.timeZone, limits, log });
  const committed = new CommittedHealth(store, systemClock);
  const slot = workerSlot();
  try {
    await store.committed().catch((error: unknown) => {
      if (!isRetryable(error)) throw error;
    });
    const server = await createServer({
      ...{ reader: store, settings, clock: systemClock, logger: log, version: VERSION },
      limits: limitsOf({ store: 'redis' }, limits),
      ...{ minSample: options.minSample, page: builtPage() },
      doors: new Doors(options, false),
      ...(slot === null ? {} : { shareMetrics: shareMetrics(slot) }),
      health: () => committed.health(),
      trouble: () => committed.trouble(),
      staleMs: () => committed.staleMs(),
    });
    const looking = committed.run();
    const stop = async () => {
      committed.stop();
      await server.close();
      await store.close();
      await looking;
    };
    try {
      return { url: await listen(server, options), stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await store.close();
    throw error;
  }
}

export function addApi(top: Command): void {
  const options = {
    ...DOOR_OPTIONS,
    ...pick('workers', 'redis', 'redisPassword', 'minSample', 'timeZone'),
    ...pick('logLevel', 'logFormat'),
  };
  withOptions(top.command('api'), options)
    .description('serve the results that engines write into Redis')
    .addHelpText(
      'after',
      `
Examples:
  clickrate api --redis redis://127.0.0.1:6379
  CLICKRATE_REDIS_PASSWORD=… clickrate api --port 8001
  clickrate api --workers 4                     one process a core, on one port`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf(flags);
      const log = createLogger(options);
      mustBeSome(options.workers);
      const stopped = interruption();
      if (options.workers === 1 || workerSlot() !== null)
        await serve({ options, settings, limits: LIMITS, log }, stopped);
      else {
        const scheme = new Doors(options, false).tls === null ? 'http' : 'https';
        process.exitCode = await runWorkers({ ...options, scheme, log, stop: stopped });
      }
    });
}

/** One process, until it is stopped. */
async function serve(parts: ApiProcessParts, stopped: AbortSignal): Promise<void> {
  const { log } = parts;
  const api = await startApi(parts);
  const say = (text: string) => (workerSlot() === null ? log.info({}, text) : log.debug({}, text));
  say(`the API is up: open ${api.url}/ctr/latest (docs: ${api.url}/docs)`);
  await new Promise<void>((resolve) => {
    if (stopped.aborted) resolve();
    stopped.addEventListener('abort', () => resolve(), { once: true });
  });
  await api.stop();
  say('stopped');
  leaveWorkers();
}
