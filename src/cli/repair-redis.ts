/** The part of `clickrate repair` that mends checkpoints in Redis. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LIMITS, type Options } from '../config.ts';
import { ClickrateError, messageOf } from '../errors.ts';
import { damagedName, textOf } from '../repair/steps.ts';
import { WAY_OUT } from '../seal.ts';
import { Connection } from '../stores/redis/connection.ts';
import { type DamagedTask, damagedTasks, dropCheckpoint } from '../stores/redis/damage.ts';
import { makeDirectory } from './make-directory.ts';

const TIMEOUT_MS = 10_000;

/**
 * How many checkpoints are damaged. An engine that still commits is not interfered with. A copy of
 * what is dropped goes into the directory `data` first.
 */
export async function repairRedis(
  { redis: url, redisPassword: password, data }: Pick<Options, 'redis' | 'redisPassword' | 'data'>,
  isDry: boolean,
  nowMs: number,
): Promise<number> {
  const connection = new Connection({ url, password }, TIMEOUT_MS);
  try {
    const found = await damagedTasks(connection);
    const busy = found.find(({ ageMs }) => ageMs < 2 * LIMITS.commitMaxMs);
    if (busy !== undefined && !isDry)
      throw new ClickrateError(
        'task_lost',
        `task ${busy.task} was committed ${busy.ageMs} ms ago: stop the process that owns it`,
      );
    process.stdout.write(textOf(found.map(stepOf), isDry));
    if (found.length === 0 || isDry) return found.length;
    const copy = join(data, `${damagedName(nowMs)}.json`);
    keep(copy, Object.assign({}, ...found.map((one) => one.copy)) as object);
    for (const { task } of found) await dropCheckpoint(connection, task);
    process.stdout.write(`mended; the damaged keys are in ${copy} (base64)\n`);
    return found.length;
  } finally {
    connection.close();
  }
}

/** Throws `file_unreadable` where nothing can be written there. */
function keep(file: string, content: object): void {
  try {
    makeDirectory(dirname(file));
    writeFileSync(file, `${JSON.stringify(content, null, 1)}\n`, { flag: 'wx' });
  } catch (error) {
    throw new ClickrateError(
      'file_unreadable',
      `nothing was changed: what is damaged cannot be copied to ${file} (${messageOf(error)}); ` +
        'name a directory for it with --data',
    );
  }
}

function stepOf({ task, what }: DamagedTask) {
  return {
    what: what.replace(`; ${WAY_OUT}`, ''),
    does:
      `the checkpoint of task ${task} is dropped: it begins as with a lost store ` +
      '(an hour ago, or earliest by --on-lost-store), behind a publish floor',
    lost:
      'latest and previous of its products until their next window; the windows that were open; ' +
      'the ledger begins anew; history stays',
  };
}
