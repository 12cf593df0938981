/** `clickrate api`: serves the results of a store, without an engine of its own. */
import type { Command } from 'commander';
import { Doors } from '../api/doors/doors.ts';
import { LIMITS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { startDirectoryApi } from './api-directory.ts';
import type { ApiProcess, ApiProcessParts } from './api-process.ts';
import { startRedisApi } from './api-redis.ts';
import {
  configurationOf,
  DOOR_OPTIONS,
  type Flags,
  interruption,
  LOG_OPTIONS,
  pick,
  withOptions,
} from './command.ts';
import { createLogger } from './logger.ts';
import { untilAborted } from './signals.ts';
import { leaveWorkers, runWorkers, workerSlot } from './workers.ts';

const OPTIONS = {
  ...DOOR_OPTIONS,
  ...pick('workers', 'data', 'redis', 'redisPassword', 'minSample', 'timeZone'),
  ...LOG_OPTIONS,
  store: 'redis' as const,
  // The store may hold longer ones than usual: they can be asked for all the same.
  ...pick('maxProductIdBytes'),
};

export function addApi(command: Command): void {
  withOptions(command, OPTIONS)
    .addHelpText(
      'after',
      `
Examples:
  clickrate api --redis redis://127.0.0.1:6379
  CLICKRATE_REDIS_PASSWORD=… clickrate api --port 8001
  clickrate api --workers 4                     one process a core, on one port
  clickrate api --store sqlite --data DIR       a directory that nobody fills now`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf(flags, OPTIONS);
      const log = createLogger(options);
      if (options.store === 'sqlite' && options.workers > 1)
        throw new ClickrateError(
          'config_invalid',
          'a directory is served by one process: no --workers',
        );
      const parts = { options, settings, limits: LIMITS, log };
      const stopped = interruption();
      if (options.workers === 1 || workerSlot() !== null)
        await serve(options.store === 'redis' ? startRedisApi : startDirectoryApi, parts, stopped);
      else {
        const scheme = new Doors(options, false).tls === null ? 'http' : 'https';
        process.exitCode = await runWorkers({ ...options, scheme, log, stop: stopped });
      }
    });
}

/** One process, until it is stopped. */
async function serve(
  start: (parts: ApiProcessParts) => Promise<ApiProcess>,
  parts: ApiProcessParts,
  stopped: AbortSignal,
): Promise<void> {
  const { log } = parts;
  const api = await start(parts);
  const say = (text: string) => (workerSlot() === null ? log.info({}, text) : log.debug({}, text));
  say(`the API is up: open ${api.url}/ctr/latest (docs: ${api.url}/docs)`);
  await untilAborted(stopped);
  await api.stop();
  say('stopped');
  leaveWorkers();
}
