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
  const { redis, redisPassword: password, timeZone } = options;
  await using closers = new AsyncDisposableStack();
  let looking = Promise.resolve();
  // The last one waited for: it may itself wait for a store that is not closed.
  closers.defer(() => looking);
  const store = new RedisStore({ url: redis, password, timeZone, limits, log });
  closers.defer(() => store.close());
  const committed = new CommittedHealth(store, systemClock);
  const slot = workerSlot();
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
  closers.defer(() => server.close());
  looking = committed.run();
  closers.defer(() => committed.stop());
  const url = await listen(server, options);
  const started = closers.move();
  return { url, stop: () => started.disposeAsync() };
}
