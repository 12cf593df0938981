/** How old what a status tells is. */
import type { PipelineStatus } from './types.ts';

/** A status some time after it came: its ages go on while there is no news. */
export function aged(status: PipelineStatus, passedMs: number): PipelineStatus {
  const later = (age: number | null) => (age === null ? null : age + Math.max(0, passedMs));
  const tasks = status.tasks.map((task) => ({
    ...task,
    lag_ms: later(task.lag_ms),
    commit_age_ms: later(task.commit_age_ms),
  }));
  return { ...status, tasks };
}

/** How far the watermark of the tasks that have windows to close is behind the clock. */
export function behindMs({ tasks, freshness }: PipelineStatus): number | null {
  for (const { lag_ms, watermark } of tasks)
    if (lag_ms !== null && watermark !== null && freshness.watermark !== null)
      return lag_ms + watermark - freshness.watermark;
  return null;
}
