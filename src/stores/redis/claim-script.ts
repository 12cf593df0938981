/** The claim, which may take the store over from another kind of program. */
import { scriptOf } from './connection.ts';
import { FORM, KEYS, PARTS_PREFIX, TASK_PREFIX } from './keys.ts';
import { FORGET_LUA, PRELUDE_LUA, RELEASE_LUA } from './lua.ts';

/** Keys that must not be there before the store is first written. */
const OURS = [KEYS.latest, KEYS.previous, KEYS.products, KEYS.changes];

/**
 * Ends every task. Readers load again, for the incarnation is new. The work is that of all products
 * at once: it is done once, by hand.
 */
const END_TASKS_LUA = `
local function endTasks(incarnation, historyProducts)
  local tasks = redis.call('SMEMBERS', '${KEYS.tasks}')
  local refused = releasable()
  for _, name in ipairs(tasks) do
    refused = refused or must('${TASK_PREFIX}' .. name, 'hash')
      or must('${PARTS_PREFIX}' .. name, 'hash')
  end
  if refused then return refused end
  release()
  forget(historyProducts)
  for _, name in ipairs(tasks) do
    redis.call('DEL', '${TASK_PREFIX}' .. name, '${PARTS_PREFIX}' .. name)
  end
  redis.call('DEL', '${KEYS.tasks}')
  redis.call('HSET', '${KEYS.store}', 'incarnation', incarnation)
end
`;

/**
 * ARGV: task, token, writer, '1' to take over, a new incarnation, most products without a task.
 * Answers `ok` and the epoch, or `writer` and the other kind.
 */
export const CLAIM = scriptOf(`${PRELUDE_LUA + RELEASE_LUA + FORGET_LUA + END_TASKS_LUA}
local task = '${TASK_PREFIX}' .. ARGV[1]
local refused = must('${KEYS.store}', 'hash') or must(task, 'hash') or must('${KEYS.tasks}', 'set')
if refused then return refused end
local form = redis.call('HGET', '${KEYS.store}', 'form')
if form then
  refused = formOf(form)
  if refused then return refused end
else
  if redis.call('EXISTS', '${KEYS.tasks}', task) > 0 then
    return redis.error_reply('CTRLOST ${KEYS.store} is gone, but not the rest of the store')
  end
  for _, key in ipairs({${OURS.map((key) => `'${key}'`).join(', ')}}) do
    if redis.call('EXISTS', key) == 1 then
      return redis.error_reply('CTRFOREIGN ' .. key .. ' is there, but not the rest of a store; ' ..
        'delete it, or use another database')
    end
  end
end
local writer = redis.call('HGET', '${KEYS.store}', 'writer')
if writer and writer ~= ARGV[3] then
  if ARGV[4] ~= '1' then return {'writer', writer} end
  refused = endTasks(ARGV[5], tonumber(ARGV[6]))
  if refused then return refused end
end
if not form then
  redis.call('HSET', '${KEYS.store}', 'form', '${FORM}', 'incarnation', ARGV[5], 'change', '0',
    'mark', '', 'nextNo', '0', 'keptId', '0', 'keptEvents', '0', 'keptBytes', '0', 'pruned', '0')
end
redis.call('HSET', '${KEYS.store}', 'writer', ARGV[3], 'form', '${FORM}')
local before = redis.call('HMGET', task, 'epoch', 'number')
local epoch = whole((tonumber(before[1]) or 0) + 1)
redis.call('HSET', task, 'epoch', epoch, 'token', ARGV[2], 'committed', '0',
  'number', before[2] or '0')
redis.call('SADD', '${KEYS.tasks}', ARGV[1])
return {'ok', epoch}
`);
