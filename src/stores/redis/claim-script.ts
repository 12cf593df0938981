/** The claim, which may take the store over from another kind of program. */
import { WAY_OUT } from '../../seal.ts';
import { scriptOf } from './connection.ts';
import { FORM, KEYS, PARTS_PREFIX, TASK_PREFIX } from './keys.ts';
import { FORGET_LUA, PRELUDE_LUA, RELEASE_LUA } from './lua.ts';

/** Keys that must not be there before the store is first written. */
const OURS = [KEYS.latest, KEYS.previous, KEYS.products, KEYS.changes];

/**
 * `endable()`: the reply that refuses a key that the others write, or nil.
 * `endTasks()`: ends every task, with all that was published; the products are left to
 * `releaseSome(cursor, most)`: a page of them; whether it was the last. A place in a scan means
 * nothing to another server, nor to this one after a restart: all products without a task are
 * counted before the end of a scan is believed.
 */
const END_TASKS_LUA = `
local function endable()
  local refused = releasable() or must('${KEYS.comebacks}', 'list')
  for _, name in ipairs(redis.call('SMEMBERS', '${KEYS.tasks}')) do
    refused = refused or must('${TASK_PREFIX}' .. name, 'hash')
      or must('${PARTS_PREFIX}' .. name, 'hash')
  end
  return refused
end
local function endTasks()
  for _, name in ipairs(redis.call('SMEMBERS', '${KEYS.tasks}')) do
    redis.call('UNLINK', '${TASK_PREFIX}' .. name, '${PARTS_PREFIX}' .. name)
  end
  redis.call('UNLINK', '${KEYS.tasks}', '${KEYS.latest}', '${KEYS.previous}', '${KEYS.comebacks}')
end
local function releaseSome(cursor, most)
  cursor = releasePage(cursor, nil)
  forget(most)
  local left = redis.call('HLEN', '${KEYS.products}') - redis.call('ZCARD', '${KEYS.departed}')
  if cursor == '0' and left <= 0 then
    redis.call('HDEL', '${KEYS.store}', 'ending')
    return true
  end
  redis.call('HSET', '${KEYS.store}', 'ending', cursor)
  return false
end
`;

/**
 * The refusal of a commit takes rights that a commit does not (see `transaction.ts`): without one
 * of them rows would be written, or stay aside. Each is tried, on a key that is not there.
 */
const MAY_REFUSE_LUA = `
local function mayRefuse()
  local key = '${KEYS.refused}'
  local all = {{'EXISTS', key}, {'DEL', key}, {'RENAME', key, key}, {'SET', key, '1', 'XX'}}
  for _, command in ipairs(all) do
    local answer = redis.pcall(unpack(command))
    local text = type(answer) == 'table' and answer.err
    if text and not string.find(text, 'no such key', 1, true) then
      if string.sub(text, 1, 4) ~= 'ERR ' then return answer end
      return redis.error_reply('NOPERM ' .. command[1] .. ': ' .. text)
    end
  end
end
`;

const HELPERS_LUA = PRELUDE_LUA + MAY_REFUSE_LUA + RELEASE_LUA + FORGET_LUA + END_TASKS_LUA;

/**
 * ARGV: task, token, writer, '1' to take over, a new incarnation, most products without a task.
 * Answers `ok` and the epoch; `writer` and the other kind; or `again`: the store is being taken
 * over, page by page, whoever calls; nothing is claimed before the last. From the first on the
 * former owners are fenced, and readers load again, for the incarnation is new.
 */
export const CLAIM = scriptOf(`${HELPERS_LUA}
local task = '${TASK_PREFIX}' .. ARGV[1]
local refused = must('${KEYS.store}', 'hash') or must(task, 'hash') or must('${KEYS.tasks}', 'set')
  or mayRefuse()
if refused then return refused end
local store = redis.call('HMGET', '${KEYS.store}', 'form', 'writer', 'ending')
local form, writer, ending = store[1], store[2], store[3]
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
local isOther = writer and writer ~= ARGV[3]
if isOther and ARGV[4] ~= '1' then return {'writer', writer} end
refused = (isOther or ending) and endable()
if refused then return refused end
if not form then
  redis.call('HSET', '${KEYS.store}', 'form', '${FORM}', 'incarnation', ARGV[5], 'change', '0',
    'mark', '', 'nextNo', '0', 'keptId', '0', 'keptEvents', '0', 'keptBytes', '0', 'pruned', '0')
end
redis.call('HSET', '${KEYS.store}', 'writer', ARGV[3], 'form', '${FORM}')
if isOther then
  ending = '0'
  redis.call('HSET', '${KEYS.store}', 'incarnation', ARGV[5], 'ending', ending)
end
if ending then
  endTasks()
  if not releaseSome(ending, tonumber(ARGV[6])) then return {'again'} end
end
local before = redis.call('HMGET', task, 'epoch', 'number')
-- Begun anew it would set back what it published.
if not before[1] and redis.call('SISMEMBER', '${KEYS.tasks}', ARGV[1]) == 1 then
  return redis.error_reply('CTRLOST ' .. task .. ' is gone, but not the rest; ${WAY_OUT}')
end
local epoch = whole((tonumber(before[1]) or 0) + 1)
redis.call('HSET', task, 'epoch', epoch, 'token', ARGV[2], 'committed', '0',
  'number', before[2] or '0')
redis.call('SADD', '${KEYS.tasks}', ARGV[1])
return {'ok', epoch}
`);
