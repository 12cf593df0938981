/** What several scripts need, and the claim. Scripts name no key of their own: see `keys.ts`. */
import { scriptOf } from './connection.ts';
import { FORM, KEYS, TASK_PREFIX } from './keys.ts';

/**
 * `must(key, kind)`: the reply that refuses a key of another kind, or nil. A script looks at all
 * keys before its first write, since an error after it would leave half a commit.
 * `whole(n)`: a whole number as text, exact up to 2^53 (Lua's own has 14 digits).
 * `each(first, last, call)`: in pieces that fit Lua's stack.
 */
export const PRELUDE_LUA = `
local function must(key, kind)
  local found = redis.call('TYPE', key)['ok']
  if found == 'none' or found == kind then return nil end
  return redis.error_reply('CTRFOREIGN ' .. key .. ' is a ' .. found .. ', not a ' .. kind)
end
local function whole(n) return string.format('%.0f', n) end
local function each(first, last, call)
  for i = first, last, 3000 do
    local to = i + 2999
    if to > last then to = last end
    call(i, to)
  end
end
local function formOf(form)
  if tonumber(form) == nil then
    return redis.error_reply('CTRFOREIGN ${KEYS.store} has no form')
  end
  if tonumber(form) > ${FORM} then
    return redis.error_reply('CTRNEWER the data has form ' .. form)
  end
end
`;

/** Keys that must not be there before the store is first written. */
const OURS = [KEYS.latest, KEYS.previous, KEYS.products, KEYS.changes];

/**
 * ARGV: task, token, writer, '1' to take over, incarnation of a store that is new.
 * Answers `ok` and the epoch, or `writer` and the other kind.
 */
export const CLAIM = scriptOf(`${PRELUDE_LUA}
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
if writer and writer ~= ARGV[3] and ARGV[4] ~= '1' then return {'writer', writer} end
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
