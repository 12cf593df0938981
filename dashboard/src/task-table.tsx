/** Time in every task and topic partition: what holds it back is marked. */
import { count, DASH, duration } from './format.ts';
import type { PartitionTime, TaskTime } from './types.ts';

const HEADS: [string, boolean][] = [
  ['Task', false],
  ['Topic partition', false],
  ['Watermark behind', true],
  ['Waiting', true],
  ['Position', true],
  ['State', false],
  ['Last commit', true],
  ['Owner', false],
];

type Props = { tasks: readonly TaskTime[]; nowMs: number };

export function TaskTable({ tasks, nowMs }: Props) {
  return (
    <section>
      <h2>Tasks</h2>
      {tasks.length === 0 ? (
        <p class="muted">No task has been claimed yet.</p>
      ) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Tasks and partitions">
          <table class="figures">
            <thead>
              <tr>
                {HEADS.map(([text, isNumber]) => (
                  <th key={text} scope="col" class={isNumber ? 'number' : ''}>
                    {text}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>{tasks.map((task) => rowsOf(task, nowMs))}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function rowsOf(task: TaskTime, nowMs: number) {
  const { partitions } = task;
  return partitions.map((partition, i) => (
    <tr key={`${task.task}/${partition.name}`} class={partition.holds ? 'holds' : ''}>
      {i === 0 && (
        <th scope="rowgroup" rowSpan={partitions.length}>
          {task.task}
        </th>
      )}
      <td>{partition.name}</td>
      <td class="number">{behindText(task, partition)}</td>
      <td class="number">{partition.lag === null ? DASH : count(partition.lag)}</td>
      <td class="number">{count(partition.position)}</td>
      <td>{stateText(partition, nowMs)}</td>
      {i === 0 && (
        <>
          <td class="number" rowSpan={partitions.length}>
            {task.commit_age_ms === null ? DASH : `${duration(task.commit_age_ms)} ago`}
          </td>
          <td rowSpan={partitions.length}>{task.owner ?? 'another process'}</td>
        </>
      )}
    </tr>
  ));
}

/** Distance of the partition's own watermark from now, as its task's is told. */
function behindText({ lag_ms, watermark }: TaskTime, partition: PartitionTime): string {
  if (lag_ms === null || watermark === null || partition.watermark === null) return DASH;
  const behind = lag_ms + watermark - partition.watermark;
  return behind < 0 ? `${duration(-behind)} ahead` : duration(behind);
}

function stateText({ idle, idle_since, holds }: PartitionTime, nowMs: number): string {
  const state = idle ? 'idle' : 'reading';
  const since = idle && idle_since !== null ? ` for ${duration(nowMs - idle_since)}` : '';
  return `${state}${since}${holds ? ' · holds time back' : ''}`;
}
