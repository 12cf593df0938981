/**
 * Counts of periods: a hash for a period of a level, in it a text for each bucket of 256 products
 * (by the number a product got with its claim and keeps). A text is a log of cells
 * `slot:impressions:clicks;` in base 36, the last of a slot counts; too long a log is written anew
 * without what is outdated. Commits write windows; `fold.ts` makes coarser periods of them.
 */
import { ClickrateError } from '../../errors.ts';
import { type Level, WINDOW } from '../../history.ts';
import type { Counts, ProductResult } from '../../result.ts';
import { TextBytes } from '../../text-bytes.ts';
import type { Connection } from './connection.ts';
import { numberText } from './kept.ts';
import { HISTORY_PREFIX, KEYS, PERIODS_PREFIX } from './keys.ts';
import type { Argument } from './line.ts';
import { lastOf, parseLog, writeCell } from './logs.ts';

/** Products of a bucket: a commit of 500 that were claimed together touches three texts. */
const TEXT_PRODUCTS = 256;
/** What a commit writes of a usual bucket. */
const TEXT_BYTES = 2_560;
/** A log longer than this is written anew; twice the size of a full bucket with large counts. */
const LOG_BYTES = 16_384;
/** Periods read in one go; how often all is read again because something was folded. */
const READ_PERIODS = 100;
const READ_TRIES = 10;

/**
 * For the commit script. `stageHistory(at, windows, numbers)` reads the section of the arguments
 * of `historyArguments` and answers what to write, and where the section ends; or a refusal.
 * `writeHistory(staged, foldedTo)` writes it, but for windows that have been folded.
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
        local slot = no % ${TEXT_PRODUCTS}
        bucket = (no - slot) / ${TEXT_PRODUCTS}
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
local function cellsOf(log)
  local _, count = string.gsub(log, ';', '')
  return count
end
local function appended(log, cells)
  if not log then return cells, cellsOf(cells) end
  local all = log .. cells
  if #all <= ${LOG_BYTES} then return all, cellsOf(cells) end
  local last, order = {}, {}
  for slot, counts in string.gmatch(all, '(%w+):([%w:]+);') do
    if not last[slot] then order[#order + 1] = slot end
    last[slot] = counts
  end
  for i, slot in ipairs(order) do order[i] = slot .. ':' .. last[slot] .. ';' end
  return table.concat(order), #order - cellsOf(log)
end
local function writeHistory(staged, foldedTo)
  local more, skipped = 0, 0
  for _, window in ipairs(staged) do
    local isFolded = foldedTo and tonumber(window.start) < foldedTo
    local key = '${HISTORY_PREFIX}' .. window.start
    for bucket, cells in pairs(window.buckets) do
      local text = table.concat(cells)
      if isFolded then skipped = skipped + cellsOf(text)
      else
        local name = whole(bucket)
        local log, count = appended(redis.call('HGET', key, name), text)
        redis.call('HSET', key, name, log)
        more = more + count
      end
    end
    if not isFolded then redis.call('ZADD', '${KEYS.windows}', window.start, window.start) end
  end
  if more ~= 0 then redis.call('HINCRBY', '${KEYS.cells}', '${WINDOW}', whole(more)) end
  if skipped > 0 then redis.call('HINCRBY', '${KEYS.store}', 'skipped', whole(skipped)) end
end
`;

/** Cells of a window, by bucket or by the place of their result. */
type Texts = Map<string | number, TextBytes>;

/** Windows, and the arguments of their cells. */
export type History = { windows: number; args: Argument[] };

/**
 * The section of cells: for each window its start, how many texts, and each with its bucket. Where
 * the script must find a product's number first, the text is that of the cell alone, without slot,
 * and the place of the bucket is taken by `r` and the place of the result, counted from 1.
 */
export function historyArguments(
  results: readonly ProductResult[],
  numbers: readonly number[] | null,
): History {
  const byStart = new Map<number, Texts>();
  // Nearly all cells of a commit are of one window, and many in a row of one bucket.
  let last: { start: number; bucket: string | number; cells: TextBytes } | undefined;
  for (let i = 0; i < results.length; i++) {
    const number = numbers?.[i];
    const slot = number === undefined ? null : number % TEXT_PRODUCTS;
    const bucket = number === undefined ? `r${i + 1}` : Math.floor(number / TEXT_PRODUCTS);
    const { cells } = results[i];
    for (let n = 0; n < cells.length; n++) {
      const { start, impressions, clicks } = cells[n];
      if (last?.start !== start || last.bucket !== bucket) {
        const texts: Texts = given(byStart, start, () => new Map());
        const room = slot === null ? 0 : TEXT_BYTES;
        last = { start, bucket, cells: given(texts, bucket, () => new TextBytes(room)) };
      }
      writeCell(last.cells, slot, impressions, clicks);
    }
  }
  const args: Argument[] = [];
  for (const [start, texts] of byStart) {
    args.push(String(start), String(texts.size));
    for (const [bucket, cells] of texts) args.push(String(bucket), cells.done());
  }
  return { windows: byStart.size, args };
}

/** What a map has for a key; made where it has nothing. */
function given<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Sorted set of the starts of a level's periods. */
export function startsKey(level: Level): string {
  return level === WINDOW ? KEYS.windows : PERIODS_PREFIX + level;
}

/** Hash of a period. */
export function periodKey(level: Level, start: number | string): string {
  return level === WINDOW ? HISTORY_PREFIX + start : `${HISTORY_PREFIX}${level}:${start}`;
}

type Span = { levels: readonly Level[]; fromMs: number; toMs: number };

/**
 * Counts by level of the products with these numbers together (null: of all), oldest first. Read
 * again when something was folded meanwhile: it would be there twice, or not at all.
 */
export async function readHistory(
  connection: Connection,
  numbers: readonly number[] | null,
  { levels, ...span }: Span,
): Promise<Counts[][]> {
  const folds = () => connection.send<string | null>(['HGET', KEYS.store, 'folds']);
  let before = await folds();
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const found: Counts[][] = [];
    for (const level of levels) found.push(await readLevel(connection, numbers, level, span));
    const after = await folds();
    if (before === after) return found;
    before = after;
  }
  throw new ClickrateError('store_unavailable', 'history is folded while it is read; try again');
}

async function readLevel(
  connection: Connection,
  numbers: readonly number[] | null,
  level: Level,
  { fromMs, toMs }: Omit<Span, 'levels'>,
): Promise<Counts[]> {
  const slots = numbers === null ? null : slotsByBucket(numbers);
  if (slots?.size === 0) return [];
  const command = ['ZRANGEBYSCORE', startsKey(level), numberText(fromMs), `(${numberText(toMs)}`];
  const starts = await connection.send<string[]>(command);
  const found: Counts[] = [];
  for (let from = 0; from < starts.length; from += READ_PERIODS) {
    const some = starts.slice(from, from + READ_PERIODS);
    const asked = some.map((start) =>
      slots === null
        ? ['HVALS', periodKey(level, start)]
        : ['HMGET', periodKey(level, start), ...slots.keys()],
    );
    const answers = await connection.sendAll<(string | null)[]>(asked);
    answers.forEach((logs, i) => {
      const sum = sumOf(logs, slots === null ? null : [...slots.values()]);
      if (sum !== null) found.push({ start: Number(some[i]), ...sum });
    });
  }
  return found;
}

function slotsByBucket(numbers: readonly number[]): Map<string, number[]> {
  const buckets = new Map<string, number[]>();
  for (const no of numbers) {
    const slot = no % TEXT_PRODUCTS;
    const bucket = String((no - slot) / TEXT_PRODUCTS);
    const slots = buckets.get(bucket) ?? [];
    slots.push(slot);
    buckets.set(bucket, slots);
  }
  return buckets;
}

/** What the logs have together, each of its slots (null: of all of them); null: nothing. */
function sumOf(
  logs: readonly (string | null)[],
  slots: readonly number[][] | null,
): Omit<Counts, 'start'> | null {
  let sum: Omit<Counts, 'start'> | null = null;
  const add = (counts: Omit<Counts, 'start'> | null) => {
    if (counts === null) return;
    sum ??= { impressions: 0, clicks: 0 };
    sum.impressions += counts.impressions;
    sum.clicks += counts.clicks;
  };
  for (const [i, log] of logs.entries()) {
    if (log === null) continue;
    if (slots === null) for (const counts of parseLog(log).values()) add(counts);
    else for (const slot of slots[i]) add(lastOf(log, slot));
  }
  return sum;
}
