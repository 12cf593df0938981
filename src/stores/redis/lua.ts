/** What several scripts need. Scripts name no key of their own: see `keys.ts`. */
import { FORM, KEYS } from './keys.ts';

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

/**
 * `releasable()`: the reply that refuses a key that `release` writes, or nil.
 * `release(task)`: takes the products of a task, or of all, and what was published of them: who
 * claims them next may begin before that, and latest never goes back. They keep their numbers, for
 * their history.
 */
export const RELEASE_LUA = `
local function releasable()
  return must('${KEYS.latest}', 'hash') or must('${KEYS.previous}', 'hash')
    or must('${KEYS.products}', 'hash') or must('${KEYS.departed}', 'zset')
end
local function release(task)
  local time, cursor = redis.call('TIME')[1], '0'
  repeat
    local page = redis.call('HSCAN', '${KEYS.products}', cursor, 'COUNT', 1000)
    cursor = page[1]
    local names, left, scored = {}, {}, {}
    for i = 1, #page[2], 2 do
      local name, value = page[2][i], page[2][i + 1]
      local space = string.find(value, ' ', 1, true)
      local owner = string.sub(value, space + 1)
      if owner ~= '' and (not task or owner == task) then
        names[#names + 1] = name
        left[#left + 1] = name
        left[#left + 1] = string.sub(value, 1, space)
        scored[#scored + 1] = time
        scored[#scored + 1] = name
      end
    end
    local function put(command, key, list)
      each(1, #list, function(from, to) redis.call(command, key, unpack(list, from, to)) end)
    end
    put('HSET', '${KEYS.products}', left)
    put('ZADD', '${KEYS.departed}', scored)
    put('HDEL', '${KEYS.latest}', names)
    put('HDEL', '${KEYS.previous}', names)
  until cursor == '0'
end
`;

/** `forget(most)`: of the products without a task those that left first, until no more are left. */
export const FORGET_LUA = `
local function forget(most)
  local many = redis.call('ZCARD', '${KEYS.departed}') - most
  local longest = many > 0 and redis.call('ZPOPMIN', '${KEYS.departed}', many) or {}
  for i = 1, #longest, 2 do redis.call('HDEL', '${KEYS.products}', longest[i]) end
end
`;
