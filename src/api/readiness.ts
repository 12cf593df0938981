/** Whether a server is ready: `/readyz`, the metrics and the freshness of answers say the same. */
import type { TaskHealth } from '../status.ts';
import type { ApiParts } from './handed.ts';
import type { Results } from './results.ts';

/** `trouble`: what is wrong beside the tasks, in one sentence; null: nothing. */
export type Readiness = { ready: boolean; trouble: string | null };

/** Whether events are counted, by the tasks that run here, and results are current. */
export function readinessOf(
  { parts, results }: { parts: ApiParts; results: Results },
  health: readonly TaskHealth[],
): Readiness {
  const trouble = results.trouble ?? parts.trouble?.() ?? null;
  return { ready: trouble === null && health.every((task) => task.ready), trouble };
}
