/** A task's checkpoint and status as they stand in Redis. */
import { ClickrateError } from '../../errors.ts';
import { openPart, openStatus, WAY_OUT } from '../../seal.ts';
import { compareNames, type Status } from '../../status.ts';
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
    ['HMGET', TASK_PREFIX + task, 'number', 'status', 'parts'],
    ['HGETALL', PARTS_PREFIX + task],
  ]);
  const [number, json, count] = row;
  const where = `${PARTS_PREFIX}${task} in Redis at ${connection.where}`;
  // Written since form 3.
  if (count !== null && Number(count) !== fields.length / 2)
    throw new ClickrateError(
      'checkpoint_damaged',
      `${where} has ${fields.length / 2} checkpoint parts, not ${count}; ${WAY_OUT}`,
    );
  const status = json === null ? null : openStatus(whereOf(connection, task), task, String(json));
  const parts = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = String(fields[i]);
    parts.push({ name, bytes: new Uint8Array(openPart(where, name, fields[i + 1]!)) });
  }
  return { number: number === null ? 0 : Number(number), status, parts };
}

function whereOf({ where }: Connection, task: string): string {
  return `${TASK_PREFIX}${task} in Redis at ${where}`;
}

/** Of what Redis answers to `TIME`: seconds and microseconds. */
export function millisecondsOf([seconds, micros]: readonly (string | null)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** The last commit of every task that has one, by name. */
export async function readCommitted(connection: Connection): Promise<Committed[]> {
  const tasks = await connection.send<string[]>(['SMEMBERS', KEYS.tasks]);
  const [time, ...rows] = await connection.sendAll<(string | null)[]>([
    ['TIME'],
    ...tasks.map((task) => ['HMGET', TASK_PREFIX + task, 'status', 'at', 'epoch', 'number']),
  ]);
  const nowMs = millisecondsOf(time);
  const found: Committed[] = [];
  for (const [i, [status, at, epoch, number]] of rows.entries()) {
    if (status === null) continue;
    found.push({
      task: tasks[i],
      status: openStatus(whereOf(connection, tasks[i]), tasks[i], status),
      ageMs: Math.max(0, nowMs - Number(at)),
      epoch: Number(epoch),
      number: Number(number),
    });
  }
  return found.sort((a, b) => compareNames(a.task, b.task));
}
