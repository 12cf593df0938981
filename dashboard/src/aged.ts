/** A status some time after it came: its ages go on while there is no news. */
import type { PipelineStatus } from './types.ts';

export function aged(status: PipelineStatus, passedMs: number): PipelineStatus {
  const later = (age: number | null) => (age === null ? null : age + Math.max(0, passedMs));
  const tasks = status.tasks.map((task) => ({
    ...task,
    lag_ms: later(task.lag_ms),
    commit_age_ms: later(task.commit_age_ms),
  }));
  return { ...status, tasks };
}
