/** `/livez`, `/readyz`, `/metrics`: for those who run it. */
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../errors.ts';
import type { Status, TaskHealth } from '../status.ts';
import type { KeptTotals } from '../stores/store.ts';
import { sendFresh } from './answer.ts';
import { livezSchema, metricsSchema, readyzSchema } from './operations.ts';
import type { Context } from './parts.ts';
import { ProblemError } from './problem-error.ts';
import { readinessOf } from './readiness.ts';
import { whyHeld } from './why.ts';

/** Less than Prometheus waits, and than one of several workers waits for another. */
const KEPT_MS = 500;

export async function healthRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { parts, results, metrics, stream } = context;

  app.get('/livez', { schema: livezSchema }, (request, reply) => {
    sendFresh(context, request, reply, '{"status":"ok"}');
  });

  app.get<{ Querystring: { verbose?: string } }>(
    '/readyz',
    { schema: readyzSchema },
    (request, reply) => {
      const { verbose } = request.query;
      const all = verbose !== undefined && verbose !== 'false' && verbose !== '0';
      const nowMs = parts.clock.wallMs();
      const body = readyBody(context, all ? nowMs : null);
      if (!body.ready)
        throw new ProblemError('not_ready', body.reasons.join('; ') || 'a task is not ready', body);
      sendFresh(context, request, reply, JSON.stringify(body));
    },
  );

  const own = async () => {
    const kept = await keptInTime(parts);
    const health = parts.health();
    const wallMs = parts.clock.wallMs();
    return await metrics.text({
      health,
      kept,
      products: results.size,
      stream,
      wallMs,
      version: parts.version,
      ready: readinessOf(context, health).ready,
      staleMs: parts.staleMs?.() ?? null,
      keptLimitBytes: parts.limits.keptTotalBytes,
    });
  };
  const all = parts.shareMetrics?.(own) ?? own;
  app.get('/metrics', { schema: metricsSchema }, async (request, reply) => {
    sendFresh(context, request, reply, await all(), metrics.registry.contentType);
  });
}

/** Metrics must come above all when the store does not answer: null where it takes its time. */
async function keptInTime({ reader, clock, log }: Context['parts']): Promise<KeptTotals | null> {
  const answered = new AbortController();
  const asked = reader.keptTotals().catch((error) => {
    log.debug({ err: messageOf(error) }, 'no kept totals');
    return null;
  });
  const late = clock.sleep(KEPT_MS, answered.signal).then(() => null);
  const kept = await Promise.race([asked, late]);
  answered.abort();
  return kept;
}

/** `nowMs` is given where more is asked for: the wall clock. */
function readyBody(context: Context, nowMs: number | null) {
  const health = context.parts.health();
  const { ready, trouble } = readinessOf(context, health);
  const reasons = health.flatMap(({ task, reasons }) =>
    reasons.map((reason) => `task ${task}: ${reason}`),
  );
  if (trouble !== null) reasons.push(trouble);
  return { ready, reasons, tasks: health.map((task) => taskBody(task, nowMs)) };
}

function taskBody(health: TaskHealth, nowMs: number | null) {
  const { task, state, ready, reasons, live } = health;
  const brief = { task, state, ready, reasons };
  if (nowMs === null) return brief;
  return {
    ...brief,
    commit_age_ms: health.commitAgeMs === null ? null : Math.round(health.commitAgeMs),
    commit_ms: Math.round(health.commitMs),
    commit_bytes: health.commitBytes,
    commits: health.commits,
    fenced: health.fenced,
    retries: health.retries,
    why: whyHeld(live, health, nowMs).why,
    live: live === null ? null : liveBody(live),
  };
}

function liveBody(live: Status) {
  return {
    watermark: live.watermark,
    final_before: live.finalBefore,
    publish_floor: live.publishFloor,
    held_elsewhere: live.heldElsewhere,
    dropped_ids: live.droppedIds,
    comebacks: live.comebacks.length,
    partitions: live.partitions.map((partition) => ({
      name: partition.name,
      topic_id: partition.topicId,
      position: partition.position,
      max_ts: partition.maxTs,
      watermark: partition.watermark,
      idle: partition.idle,
    })),
  };
}
