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

/** Fields of a page: some 3 ms of Redis. */
const PAGE_PRODUCTS = 500;

/**
 * `releasable()`: the reply that refuses a key that `releasePage` writes, or nil.
 * `releasePage(cursor, task)`: takes the products of a page that are a task's, or all, and what was
 * published of them: who claims them next may begin before that, and latest never goes back. They
 * keep their numbers, for their history. Answers where the next page begins, `0` after the last.
 */
export const RELEASE_LUA = `
local function releasable()
  return must('${KEYS.latest}', 'hash') or must('${KEYS.previous}', 'hash')
    or must('${KEYS.products}', 'hash') or must('${KEYS.departed}', 'zset')
end
local function releasePage(cursor, task)
  local time = redis.call('TIME')[1]
  local page = redis.call('HSCAN', '${KEYS.products}', cursor, 'COUNT', ${PAGE_PRODUCTS})
  local names, left, scored = {}, {}, {}
  for i = 1, #page[2], 2 do
    local name, value = page[2][i], page[2][i + 1]
    local space = string.find(value, ' ', 1, true)
    if not task or string.sub(value, space + 1) == task then
      names[#names + 1] = name
      left[#left + 1] = name
      left[#left + 1] = string.sub(value, 1, space)
      scored[#scored + 1] = time
      scored[#scored + 1] = name
    end
  end
  local function pieces(list, call)
    each(1, #list, function(from, to) call(unpack(list, from, to)) end)
  end
  pieces(left, function(...) redis.call('HSET', '${KEYS.products}', ...) end)
  -- Who left before keeps its time.
  pieces(scored, function(...) redis.call('ZADD', '${KEYS.departed}', 'NX', ...) end)
  pieces(names, function(...)
    redis.call('HDEL', '${KEYS.latest}', ...)
    redis.call('HDEL', '${KEYS.previous}', ...)
  end)
  return page[1]
end
`;

/**
 * `forget(most)`: of the products without a task those that left first, until no more are left.
 * Counted off first: were this broken off, fewer than are counted would be lost ones.
 */
export const FORGET_LUA = `
local function forget(most)
  local many = redis.call('ZCARD', '${KEYS.departed}') - most
  local longest = many > 0 and redis.call('ZPOPMIN', '${KEYS.departed}', many) or {}
  if #longest == 0 then return end
  redis.call('HINCRBY', '${KEYS.store}', 'products', -#longest / 2)
  for i = 1, #longest, 2 do redis.call('HDEL', '${KEYS.products}', longest[i]) end
end
`;
