/** A task's checkpoint and status as they stand in Redis. */
import type { Status } from '../../status.ts';
import type { TaskState } from '../store.ts';
import type { Connection } from './connection.ts';
import { KEYS, PARTS_PREFIX, TASK_PREFIX } from './keys.ts';

/** What the last commit of a task says, and how long ago it was by the clock of Redis. */
export type Committed = {
  task: string;
  status: Status;
  /** Milliseconds since the last commit. */
  ageMs: number;
  /** How often the task was claimed, and its last write number. */
  epoch: number;
  number: number;
};

export async function readTask(connection: Connection, task: string): Promise<TaskState> {
  // In one go: after the claim nobody else can commit in between.
  const [row, fields] = await connection.sendAllForBytes<(Buffer | null)[]>([
    ['HMGET', TASK_PREFIX + task, 'number', 'status'],
    ['HGETALL', PARTS_PREFIX + task],
  ]);
  const [number, status] = row;
  const parts = [];
  for (let i = 0; i < fields.length; i += 2)
    parts.push({ name: fields[i]!.toString(), bytes: new Uint8Array(fields[i + 1]!) });
  return {
    number: number === null ? 0 : Number(number),
    status: status === null ? null : (JSON.parse(status.toString()) as Status),
    parts,
  };
}

/** The last commit of every task that has one, by name. */
export async function readCommitted(connection: Connection): Promise<Committed[]> {
  const tasks = await connection.send<string[]>(['SMEMBERS', KEYS.tasks]);
  const [time, ...rows] = await connection.sendAll<(string | null)[]>([
    ['TIME'],
    ...tasks.map((task) => ['HMGET', TASK_PREFIX + task, 'status', 'at', 'epoch', 'number']),
  ]);
  const nowMs = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  const found: Committed[] = [];
  for (const [i, [status, at, epoch, number]] of rows.entries()) {
    if (status === null) continue;
    found.push({
      task: tasks[i],
      status: JSON.parse(status) as Status,
      ageMs: Math.max(0, nowMs - Number(at)),
      epoch: Number(epoch),
      number: Number(number),
    });
  }
  return found.sort((a, b) => (a.task < b.task ? -1 : 1));
}
