/** Damaged checkpoints in Redis: found, copied out, dropped. */
import { randomUUID } from 'node:crypto';
import { ClickrateError } from '../../errors.ts';
import { type Connection, scriptOf } from './connection.ts';
import { KEYS, PARTS_PREFIX, TASK_PREFIX } from './keys.ts';
import { PRELUDE_LUA, RELEASE_LUA } from './lua.ts';
import { millisecondsOf, readTask } from './tasks.ts';

export type DamagedTask = {
  task: string;
  what: string;
  /** Milliseconds since its last commit. */
  ageMs: number;
  /** Everything under its keys, bytes in base64. */
  copy: Record<string, Record<string, string>>;
};

/**
 * Takes away status, parts, comebacks and products; another task may claim these. Fence and number
 * stay. Readers load again, for the incarnation is new. ARGV: task, incarnation.
 */
const DROP = scriptOf(`${PRELUDE_LUA + RELEASE_LUA}
local taskKey, partsKey = '${TASK_PREFIX}' .. ARGV[1], '${PARTS_PREFIX}' .. ARGV[1]
local refused = must(taskKey, 'hash') or must(partsKey, 'hash')
refused = refused or must('${KEYS.store}', 'hash') or must('${KEYS.comebacks}', 'list')
  or releasable()
if refused then return refused end
local cursor = '0'
repeat cursor = releasePage(cursor, ARGV[1]) until cursor == '0'
redis.call('HDEL', taskKey, 'status', 'parts', 'at')
if redis.call('EXISTS', taskKey) == 0 then redis.call('SREM', '${KEYS.tasks}', ARGV[1]) end
redis.call('DEL', partsKey)
-- Their log may be judged anew, without these pauses.
local comebacks = redis.call('LRANGE', '${KEYS.comebacks}', 0, -1)
redis.call('DEL', '${KEYS.comebacks}')
for _, text in ipairs(comebacks) do
  if cjson.decode(text).task ~= ARGV[1] then redis.call('RPUSH', '${KEYS.comebacks}', text) end
end
redis.call('HSET', '${KEYS.store}', 'incarnation', ARGV[2])
return {'ok'}
`);

/** Tasks whose checkpoint `readTask` refuses, or the claim. */
export async function damagedTasks(connection: Connection): Promise<DamagedTask[]> {
  const found: DamagedTask[] = [];
  for (const task of (await connection.send<string[]>(['SMEMBERS', KEYS.tasks])).sort())
    try {
      await mustBeThere(connection, task);
      await readTask(connection, task);
    } catch (error) {
      if (!(error instanceof ClickrateError) || error.code !== 'checkpoint_damaged') throw error;
      found.push({ task, what: error.message, ...(await copyOf(connection, task)) });
    }
  return found;
}

async function mustBeThere(connection: Connection, task: string): Promise<void> {
  const key = TASK_PREFIX + task;
  if ((await connection.send<number>(['EXISTS', key])) === 0)
    throw new ClickrateError('checkpoint_damaged', `${key} is gone, but not the rest of it`);
}

async function copyOf(connection: Connection, task: string) {
  const keys = [TASK_PREFIX + task, PARTS_PREFIX + task];
  const hashes = await connection.sendAllForBytes<Buffer[]>(keys.map((key) => ['HGETALL', key]));
  const copy = Object.fromEntries(
    hashes.map((fields, i) => {
      const pairs: [string, string][] = [];
      for (let at = 0; at < fields.length; at += 2)
        pairs.push([String(fields[at]), fields[at + 1].toString('base64')]);
      return [keys[i], Object.fromEntries(pairs)];
    }),
  );
  const [[at], time] = await connection.sendAll<(string | null)[]>([
    ['HMGET', keys[0], 'at'],
    ['TIME'],
  ]);
  return { copy, ageMs: Math.max(0, millisecondsOf(time) - Number(at ?? 0)) };
}

export async function dropCheckpoint(connection: Connection, task: string): Promise<void> {
  await connection.run(DROP, [task, randomUUID()]);
}
