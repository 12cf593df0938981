/**
 * The commit: a script, and the rows behind it, all or nothing. It looks at everything first (the
 * fence, every key's kind, who owns which product) and only then writes, blindly.
 */
import { COMMITS_IN_FLIGHT } from '../store.ts';
import { CHANGES_LUA } from './changes.ts';
import { HISTORY_LUA } from './history.ts';
import { KEPT_LUA } from './kept.ts';
import { KEYS, PARTS_PREFIX, TASK_PREFIX } from './keys.ts';
import { FORGET_LUA, PRELUDE_LUA } from './lua.ts';
import { GUARD_LUA, scriptBytes } from './transaction.ts';

/**
 * ARGV: first these, each one: 1 task, 2 epoch, 3 token, 4 number, 5 writer, 6 status, 7 window
 * size, 8 most products without a task, 9 least time and 10 most bytes of kept events, 11 packed
 * rows, 12 their name, 13 '1' where the script must look at the product of each result.
 */
const FIXED = 13;
/**
 * Then how many each section has, then the sections: removals, claims, results (their names, where
 * 13 is '1'), products without a previous window, windows of history, parts, names of removed
 * parts, kept events, comebacks.
 */
const SECTIONS = 9;
/** The section that says how many results there are: their rows follow the script. */
const RESULTS = 3;

const CHECKED: [key: string, kind: string][] = [
  [KEYS.latest, 'hash'],
  [KEYS.previous, 'hash'],
  [KEYS.products, 'hash'],
  [KEYS.windows, 'zset'],
  [KEYS.cells, 'hash'],
  [KEYS.departed, 'zset'],
  [KEYS.rejected, 'stream'],
  [KEYS.rejectedSizes, 'list'],
  [KEYS.comebacks, 'list'],
  [KEYS.changes, 'stream'],
];

/** Who may commit: answers before anything is written. */
const FENCE_LUA = `
local task, taskKey, partsKey = ARGV[1], '${TASK_PREFIX}' .. ARGV[1], '${PARTS_PREFIX}' .. ARGV[1]
local refused = must('${KEYS.store}', 'hash') or must(taskKey, 'hash') or must(partsKey, 'hash')
if refused then return refused end
local store = redis.call('HMGET', '${KEYS.store}', 'form', 'writer', 'change', 'mark', 'nextNo',
  'incarnation', 'foldedTo', 'products')
local row = redis.call('HMGET', taskKey, 'epoch', 'token', 'number', 'committed', 'parts')
if not store[1] or not row[1] then return {'fenced'} end
refused = formOf(store[1])
if refused then return refused end
if row[1] ~= ARGV[2] or row[2] ~= ARGV[3] or store[2] ~= ARGV[5] then return {'fenced'} end
local behind = tonumber(row[3]) - tonumber(ARGV[4])
local duplicate = behind >= 0 and behind < tonumber(row[4])
if not duplicate and behind ~= -1 then return {'fenced'} end
${CHECKED.map(([key, kind]) => `refused = refused or must('${key}', '${kind}')`).join('\n')}
if refused then return refused end
-- What is gone from under a living owner would be missed by the next one only, or by nobody.
if row[5] and redis.call('HLEN', partsKey) ~= tonumber(row[5]) then return {'fenced'} end
-- More are there where a commit was broken off, by a right that was missing.
local found, least = redis.call('HLEN', '${KEYS.products}'), tonumber(store[8])
-- Counted since form 4.
if not least then least = store[5] == '0' and 0 or 1 end
if found < least then
  return redis.error_reply('CTRLOST ${KEYS.products} has ' .. found .. ' products, not ' .. least)
end
`;

/**
 * Products: a claim is stored as the product's number and its owner. `ownerOf` answers both; a
 * product without an owner keeps its number, under which its history is.
 * Afterwards: gone (removed here), granted (claimed here), held (claims of others), and, where the
 * commit removes or claims what it also writes, the numbers of the results in their order. Else the
 * sender knows them, and the script need not look at each product.
 */
const PRODUCTS_LUA = `
local count = {}
for i = 1, ${SECTIONS} do count[i] = tonumber(ARGV[${FIXED} + i]) end
local removals = ${FIXED + SECTIONS + 1}
local claims = removals + count[1]
local named = claims + count[2]
-- The products of the results, where the script must look at each.
local without = named
if ARGV[${FIXED}] == '1' then without = named + count[3] end
local function ownerOf(value)
  local space = string.find(value, ' ', 1, true)
  return string.sub(value, space + 1), tonumber(string.sub(value, 1, space - 1))
end
local function owners(names, first, last, tell)
  each(first, last, function(from, to)
    local values = redis.call('HMGET', '${KEYS.products}', unpack(names, from, to))
    for i = from, to do tell(i, names[i], values[i - from + 1]) end
  end)
end
local held = {}
if duplicate then
  owners(ARGV, claims, named - 1, function(_, name, value)
    if not value or ownerOf(value) ~= task then held[#held + 1] = name end
  end)
  return {'duplicate', unpack(held)}
end
local gone, removed, left = {}, {}, {}
owners(ARGV, removals, claims - 1, function(_, name, value)
  if not value or gone[name] then return end
  local owner, no = ownerOf(value)
  if owner == task then
    gone[name] = true
    removed[#removed + 1] = name
    left[#left + 1] = name
    left[#left + 1] = whole(no) .. ' '
  end
end)
local nextNo = tonumber(store[5])
local granted, grants, back = {}, {}, {}
owners(ARGV, claims, named - 1, function(_, name, value)
  local owner, no = '', nil
  if value then owner, no = ownerOf(value) end
  if owner == '' or gone[name] then
    if not granted[name] then
      if no then back[#back + 1] = name else no = nextNo; nextNo = nextNo + 1 end
      granted[name] = no
      grants[#grants + 1] = name
      grants[#grants + 1] = whole(no) .. ' ' .. task
    end
  elseif owner ~= task then
    held[#held + 1] = name
  end
end)
local numbers, unowned = {}, {}
if without > named then
  owners(ARGV, named, without - 1, function(at, name, value)
    local i = at - named + 1
    local owner, no = task, granted[name]
    if not no then
      owner = nil
      if value and not gone[name] then owner, no = ownerOf(value) end
    end
    if owner == task then numbers[i] = no else unowned[#unowned + 1] = whole(i - 1) end
  end)
end
if #unowned > 0 then return {'unowned', unpack(unowned)} end
`;

const WRITE_LUA = `
local staged, parts, other = stageHistory(without + count[4], count[5], numbers)
if other then return other end
local removedParts = parts + 2 * count[6]
local kept = removedParts + count[7]
local comebacks = kept + 6 * count[8]
local time = redis.call('TIME')
local function hash(command, key, list, first, last)
  each(first, last, function(from, to) redis.call(command, key, unpack(list, from, to)) end)
end
hash('HDEL', '${KEYS.latest}', removed, 1, #removed)
hash('HDEL', '${KEYS.previous}', removed, 1, #removed)
hash('HSET', '${KEYS.products}', left, 1, #left)
hash('HSET', '${KEYS.products}', grants, 1, #grants)
for _, name in ipairs(removed) do redis.call('ZADD', '${KEYS.departed}', time[1], name) end
hash('ZREM', '${KEYS.departed}', back, 1, #back)
if #removed > 0 then forget(tonumber(ARGV[8])) end
hash('HDEL', '${KEYS.previous}', ARGV, without, without + count[4] - 1)
writeHistory(staged, tonumber(store[7]))
hash('HSET', partsKey, ARGV, parts, removedParts - 1)
hash('HDEL', partsKey, ARGV, removedParts, kept - 1)
redis.call('HSET', taskKey, 'number', ARGV[4], 'status', ARGV[6],
  'committed', whole(math.min(tonumber(row[4]) + 1, ${COMMITS_IN_FLIGHT})),
  'parts', redis.call('HLEN', partsKey),
  'at', time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000)))
taken = true
redis.call('HSET', '${KEYS.store}', 'nextNo', whole(nextNo), 'windowMs', ARGV[7],
  'products', redis.call('HLEN', '${KEYS.products}'))
keep(kept, count[8], task, tonumber(ARGV[9]), tonumber(ARGV[10]))
keepComebacks(comebacks, count[9])
if count[3] > 0 or #removed > 0 then
  local change, mark = whole(tonumber(store[3]) + 1), time[1] .. '.' .. time[2]
  tellChange(store[6], change, mark, store[4], ARGV[7], ARGV[11], removed, ARGV[12])
  redis.call('HSET', '${KEYS.store}', 'change', change, 'mark', mark)
end
return {'ok', unpack(held)}
`;

/** Whole, as it is sent. */
export const COMMIT = scriptBytes(
  PRELUDE_LUA +
    GUARD_LUA +
    FORGET_LUA +
    HISTORY_LUA +
    KEPT_LUA +
    CHANGES_LUA +
    `return guarded(ARGV[${FIXED + RESULTS}] ~= '0', function()` +
    FENCE_LUA +
    PRODUCTS_LUA +
    WRITE_LUA +
    'end)',
);
