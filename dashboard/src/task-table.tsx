/** Time in every task and topic partition: what holds it back is marked. */
import { count, DASH, duration } from './format.ts';
import type { PartitionTime, TaskTime } from './types.ts';

/** `number`: figures, which stand to the right. */
const HEADS = {
  task: { text: 'Task', number: false },
  name: { text: 'Topic partition', number: false },
  behind: { text: 'Watermark behind', number: true },
  waiting: { text: 'Waiting', number: true },
  position: { text: 'Position', number: true },
  state: { text: 'State', number: false },
  commit: { text: 'Last commit', number: true },
  owner: { text: 'Owner', number: false },
};
type Column = keyof typeof HEADS;
const COLUMNS = Object.keys(HEADS) as Column[];

/** What a cell is called, for style and, where there is room for no columns, for the reader. */
function cell(column: Column) {
  const { text, number } = HEADS[column];
  return { class: `${column} ${number ? 'number' : ''}`, 'data-head': text };
}

type Props = { tasks: readonly TaskTime[]; nowMs: number };

export function TaskTable({ tasks, nowMs }: Props) {
  return (
    <section>
      <h2>Tasks</h2>
      {tasks.length === 0 ? (
        <p class="muted">No task has been claimed yet.</p>
      ) : (
        <table class="figures tasks">
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column} scope="col" class={HEADS[column].number ? 'number' : ''}>
                  {HEADS[column].text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{tasks.map((task) => rowsOf(task, nowMs))}</tbody>
        </table>
      )}
    </section>
  );
}

function rowsOf(task: TaskTime, nowMs: number) {
  const { partitions } = task;
  return partitions.map((partition, i) => (
    <tr key={`${task.task}/${partition.name}`} class={partition.holds ? 'holds' : ''}>
      {i === 0 && (
        <th {...cell('task')} scope="rowgroup" rowSpan={partitions.length}>
          {task.task}
        </th>
      )}
      <td {...cell('name')}>{partition.name}</td>
      <td {...cell('behind')}>{behindText(task, partition)}</td>
      <td {...cell('waiting')}>{partition.lag === null ? DASH : count(partition.lag)}</td>
      <td {...cell('position')}>{count(partition.position)}</td>
      <td {...cell('state')}>{stateText(partition, nowMs)}</td>
      {i === 0 && (
        <>
          <td {...cell('commit')} rowSpan={partitions.length}>
            {task.commit_age_ms === null ? DASH : `${duration(task.commit_age_ms)} ago`}
          </td>
          <td {...cell('owner')} rowSpan={partitions.length}>
            {task.owner ?? 'another process'}
          </td>
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
