/** `/v1/watermark` and `/v1/open`: where time stands, and what is counted but not closed. */
import type { FastifyInstance } from 'fastify';
import type { PartitionStatus } from '../status.ts';
import { sendFresh } from './answer.ts';
import type { ApiParts } from './handed.ts';
import { openSchema, watermarkSchema } from './operations-live.ts';
import type { Context } from './parts.ts';
import type { TaskSeen } from './tasks.ts';

export async function timeRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { parts, watch, open } = context;

  app.get('/v1/watermark', { schema: watermarkSchema }, (request, reply) => {
    const { tasks, why } = watch.now();
    const now = parts.clock.wallMs();
    const body = { now, why, tasks: taskTimes(parts, tasks, now) };
    sendFresh(context, request, reply, JSON.stringify(body));
  });

  app.get('/v1/open', { schema: openSchema }, (request, reply) => {
    sendFresh(context, request, reply, open.text());
  });
}

/** Time in each task, as `/v1/watermark` and the stream tell it. */
export function taskTimes(parts: ApiParts, tasks: readonly TaskSeen[], nowMs: number) {
  return tasks.map((seen) => {
    const { task, status, health, why } = seen;
    const watermark = status?.watermark ?? null;
    const age = health?.commitAgeMs ?? null;
    return {
      task,
      watermark,
      final_before: status?.finalBefore ?? null,
      lag_ms: watermark === null ? null : nowMs - watermark,
      commit_age_ms: age === null ? null : Math.round(age),
      owner: health === null ? null : (parts.owner ?? null),
      ready: health?.ready ?? true,
      reasons: health?.reasons ?? [],
      why,
      partitions: (status?.partitions ?? []).map((at, p) => partitionTime(seen, at, p, nowMs)),
    };
  });
}

function partitionTime({ health, holds }: TaskSeen, at: PartitionStatus, p: number, nowMs: number) {
  const sight = health?.sights?.[p] ?? null;
  const end = sight?.end ?? null;
  return {
    name: at.name,
    position: at.position,
    end,
    lag: end === null ? null : Math.max(0, end - at.position),
    max_ts: at.maxTs,
    watermark: at.watermark,
    idle: at.idle,
    idle_since: at.idle && sight !== null ? Math.round(nowMs - sight.quietMs) : null,
    holds: holds === p,
  };
}
