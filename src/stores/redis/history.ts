/**
 * Counts of the last hour's windows: a hash a window, in it a text for each bucket of 256 products
 * (by the number a product got with its claim). A text is a log of cells `slot:impressions:clicks;`
 * in base 36, the last of a slot counts; too long a log is written anew without what is outdated.
 * A removed product's number is never used again, so what it left is reached by nobody.
 */
import type { Counts, ProductResult } from '../../result.ts';
import type { Argument, Connection } from './connection.ts';
import { HISTORY_PREFIX, KEYS } from './keys.ts';

/** Products of a bucket: a commit of 1 000 that were claimed together touches five. */
const BUCKET_PRODUCTS = 256;
/** A log longer than this is written anew; twice the size of a full bucket with large counts. */
const LOG_BYTES = 16_384;
/** Old windows dropped in one commit. */
const DROPPED_WINDOWS = 64;
/** Windows read in one go. */
const READ_WINDOWS = 100;

const BASE = 36;

/**
 * For the commit script. `stageHistory(at, windows, numbers)` reads the section of the arguments
 * of `historyArguments` and answers what to write, and where the section ends; or a refusal.
 * `writeHistory(staged, historyMs)` writes what is young enough and drops what is too old.
 */
export const HISTORY_LUA = `
local function stageHistory(at, windows, numbers)
  local staged = {}
  for w = 1, windows do
    local start, count = ARGV[at], tonumber(ARGV[at + 1])
    local refused = must('${HISTORY_PREFIX}' .. start, 'hash')
    if refused then return nil, nil, refused end
    local buckets = {}
    for i = at + 2, at + 2 * count, 2 do
      local bucket, cells = tonumber(ARGV[i]), ARGV[i + 1]
      if not bucket then
        local no = numbers[tonumber(string.sub(ARGV[i], 2))]
        local slot = no % ${BUCKET_PRODUCTS}
        bucket = (no - slot) / ${BUCKET_PRODUCTS}
        cells = slot .. cells
      end
      local log = buckets[bucket]
      if not log then log = {}; buckets[bucket] = log end
      log[#log + 1] = cells
    end
    staged[w] = {start = start, buckets = buckets}
    at = at + 2 + 2 * count
  end
  return staged, at
end
local function appended(log, cells)
  if not log then return cells end
  local all = log .. cells
  if #all <= ${LOG_BYTES} then return all end
  local last, order = {}, {}
  for slot, counts in string.gmatch(all, '(%w+):([%w:]+);') do
    if not last[slot] then order[#order + 1] = slot end
    last[slot] = counts
  end
  for i, slot in ipairs(order) do order[i] = slot .. ':' .. last[slot] .. ';' end
  return table.concat(order)
end
local function writeHistory(staged, historyMs)
  if #staged == 0 then return end
  local stored = tonumber(redis.call('ZREVRANGE', '${KEYS.windows}', 0, 0)[1])
  local newest = stored
  for _, window in ipairs(staged) do
    local start = tonumber(window.start)
    if not newest or start > newest then newest = start end
  end
  local oldest = newest - historyMs
  for _, window in ipairs(staged) do
    if tonumber(window.start) >= oldest then
      local key = '${HISTORY_PREFIX}' .. window.start
      for bucket, cells in pairs(window.buckets) do
        local name = whole(bucket)
        local log = redis.call('HGET', key, name)
        redis.call('HSET', key, name, appended(log, table.concat(cells)))
      end
      redis.call('ZADD', '${KEYS.windows}', window.start, window.start)
    end
  end
  if newest == stored or historyMs == math.huge then return end
  local old = redis.call('ZRANGEBYSCORE', '${KEYS.windows}', '-inf', '(' .. whole(oldest),
    'LIMIT', 0, ${DROPPED_WINDOWS})
  for _, start in ipairs(old) do
    redis.call('UNLINK', '${HISTORY_PREFIX}' .. start)
    redis.call('ZREM', '${KEYS.windows}', start)
  end
end
`;

/**
 * The section of cells: for each window its start, how many texts, and each with its bucket. Where
 * the script must find a product's number first, the text is that of the cell alone, without slot,
 * and the place of the bucket is taken by `r` and the place of the result, counted from 1.
 */
export function historyArguments(
  results: readonly ProductResult[],
  numbers: readonly number[] | null,
): { windows: number; args: Argument[] } {
  const byStart = new Map<number, Map<string, string>>();
  for (let i = 0; i < results.length; i++)
    for (const { start, impressions, clicks } of results[i].cells) {
      let texts = byStart.get(start);
      if (texts === undefined) {
        texts = new Map();
        byStart.set(start, texts);
      }
      const counts = `:${impressions.toString(BASE)}:${clicks.toString(BASE)};`;
      if (numbers === null) texts.set(`r${i + 1}`, counts);
      else {
        const slot = numbers[i] % BUCKET_PRODUCTS;
        const bucket = String((numbers[i] - slot) / BUCKET_PRODUCTS);
        texts.set(bucket, `${texts.get(bucket) ?? ''}${slot}${counts}`);
      }
    }
  const args: string[] = [];
  for (const [start, texts] of byStart) {
    args.push(String(start), String(texts.size));
    for (const [bucket, cells] of texts) args.push(bucket, cells);
  }
  return { windows: byStart.size, args };
}

/**
 * Counts of the product with number `no`, of windows with start in [fromMs, toMs), oldest first.
 * Windows further than `historyMs` behind the newest are passed over, dropped yet or not.
 */
export async function readHistory(
  connection: Connection,
  no: number,
  span: { fromMs: number; toMs: number; historyMs: number },
): Promise<Counts[]> {
  const [starts, newest] = await connection.sendAll<string[]>([
    ['ZRANGEBYSCORE', KEYS.windows, bound(span.fromMs), `(${bound(span.toMs)}`],
    ['ZREVRANGE', KEYS.windows, '0', '0'],
  ]);
  const oldest = Number(newest[0]) - span.historyMs;
  const wanted = starts.map(Number).filter((start) => start >= oldest);
  const slot = no % BUCKET_PRODUCTS;
  const bucket = String((no - slot) / BUCKET_PRODUCTS);
  const found: Counts[] = [];
  for (let from = 0; from < wanted.length; from += READ_WINDOWS) {
    const some = wanted.slice(from, from + READ_WINDOWS);
    const logs = await connection.sendAll<string | null>(
      some.map((start) => ['HGET', HISTORY_PREFIX + start, bucket]),
    );
    logs.forEach((log, i) => {
      const counts = log === null ? null : lastOf(log, slot);
      if (counts !== null) found.push({ start: some[i], ...counts });
    });
  }
  return found;
}

/** A bound as Redis writes it; its infinities are called otherwise. */
function bound(ms: number): string {
  if (ms === Infinity) return '+inf';
  return ms === -Infinity ? '-inf' : String(ms);
}

/** The last cell of `slot`, or null. */
function lastOf(log: string, slot: number): Omit<Counts, 'start'> | null {
  const at = `;${log}`.lastIndexOf(`;${slot}:`);
  if (at === -1) return null;
  const [, impressions, clicks] = log.slice(at, log.indexOf(';', at)).split(':');
  return { impressions: Number.parseInt(impressions, BASE), clicks: Number.parseInt(clicks, BASE) };
}
