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
import { builtPage } from './page.ts';
import { VERSION } from './version.ts';

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
  try {
    await store.committed().catch((error: unknown) => {
      if (!isRetryable(error)) throw error;
    });
    const server = await createServer({
      ...{ reader: store, settings, limits, clock: systemClock, logger: log, version: VERSION },
      ...{ minSample: options.minSample, page: builtPage() },
      doors: new Doors(options, false),
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
    ...pick('redis', 'redisPassword', 'minSample', 'timeZone', 'logLevel', 'logFormat'),
  };
  withOptions(top.command('api'), options)
    .description('serve the results that engines write into Redis')
    .addHelpText(
      'after',
      `
Examples:
  clickrate api --redis redis://127.0.0.1:6379
  CLICKRATE_REDIS_PASSWORD=… clickrate api --port 8001`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf(flags);
      const log = createLogger(options);
      const api = await startApi({ options, settings, limits: LIMITS, log });
      log.info({}, `the API is up: open ${api.url}/ctr/latest (docs: ${api.url}/docs)`);
      const stopped = interruption();
      await new Promise<void>((resolve) => {
        stopped.addEventListener('abort', () => resolve(), { once: true });
      });
      await api.stop();
      log.info({}, 'stopped');
    });
}
