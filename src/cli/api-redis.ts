/** `clickrate api --store redis`: serves and follows what engines or the sink write. */
import { Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { systemClock } from '../clock.ts';
import { isRetryable } from '../errors.ts';
import { RedisStore } from '../stores/redis/store.ts';
import { apiParts } from './api-parts.ts';
import type { ApiProcess, ApiProcessParts } from './api-process.ts';
import { CommittedHealth } from './committed-health.ts';
import { listen } from './listen.ts';
import { limitsOf } from './open-store.ts';
import { shareMetrics } from './worker-metrics.ts';
import { workerSlot } from './workers.ts';

/**
 * Serves what Redis holds: loaded once, then followed. Without Redis it starts as well, answers 503
 * until there is something to answer with, and then the last known with its age in a header.
 * Throws `config_invalid`, `port_in_use`, `store_foreign`: what waiting would not mend.
 */
export async function startRedisApi(parts: ApiProcessParts): Promise<ApiProcess> {
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
      ...apiParts(options, settings, log),
      reader: store,
      limits: limitsOf({ store: 'redis' }, limits),
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
