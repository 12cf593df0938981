/** What holds time back, in words. */
import type { PipelineStatus } from './types.ts';

/** A line for each reason; of several tasks it names those that have it. */
export function heldLines({ tasks, freshness }: PipelineStatus): string[] {
  const byWhy = new Map<string, string[]>();
  for (const { task, why } of tasks)
    if (why !== null) byWhy.set(why, [...(byWhy.get(why) ?? []), task]);
  const lines = [...byWhy].map(([why, held]) =>
    tasks.length === 1 ? why : `${held.length === 1 ? 'task' : 'tasks'} ${held.join(', ')}: ${why}`,
  );
  // What troubles the process beside its tasks, such as a store that does not answer.
  const { why } = freshness;
  const isOfTask = [...byWhy.keys()].some((told) => why?.endsWith(told));
  return why === null || isOfTask ? lines : [why, ...lines];
}
