/**
 * Folding in Redis. The process that commits reads a period and the coarser one, adds them up, and
 * has a script put the sums where they belong if nothing of what was read has changed since. So it
 * does not matter who folds, how many do, and where one of them is killed.
 */
import type { Limits } from '../../config.ts';
import { type Level, WINDOW } from '../../history.ts';
import { due, type Ladder } from '../history/levels.ts';
import type { HistoryHeld, LevelHeld } from '../store.ts';
import { type Connection, type Script, scriptOf } from './connection.ts';
import { periodKey, startsKey } from './history.ts';
import { KEYS } from './keys.ts';
import { type Cells, parseLog, writeLog } from './logs.ts';

/** Buckets of one call: a millisecond of Redis. */
const BUCKETS_AT_ONCE = 8;

/**
 * ARGV: level and coarser level, their periods' keys, start of both, sorted sets of both; then for
 * each bucket its name, what was read of it (`-`: nothing) of the coarser one, of the finer one,
 * the sum, and how many cells the finer and the coarser one have less and more.
 */
const FOLD: Script = scriptOf(`
local fine, coarse = ARGV[3], ARGV[4]
local less, more = 0, 0
for i = 9, #ARGV, 6 do
  local name = ARGV[i]
  local before = redis.call('HGET', coarse, name) or '-'
  if before == ARGV[i + 1] and redis.call('HGET', fine, name) == ARGV[i + 2] then
    redis.call('HSET', coarse, name, ARGV[i + 3])
    redis.call('HDEL', fine, name)
    less, more = less + tonumber(ARGV[i + 4]), more + tonumber(ARGV[i + 5])
  end
end
if more > 0 or less > 0 then
  redis.call('ZADD', ARGV[8], ARGV[6], ARGV[6])
  redis.call('HINCRBY', '${KEYS.store}', 'folds', 1)
  redis.call('HINCRBY', '${KEYS.cells}', ARGV[1], -less)
  redis.call('HINCRBY', '${KEYS.cells}', ARGV[2], more)
end
if redis.call('EXISTS', fine) == 0 then redis.call('ZREM', ARGV[7], ARGV[5]) end
`);

/** ARGV: level, its period's key, start, sorted set, cells. Answers whether there was one. */
const DROP: Script = scriptOf(`
redis.call('ZREM', ARGV[4], ARGV[3])
if redis.call('UNLINK', ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', '${KEYS.cells}', ARGV[1], -tonumber(ARGV[5]))
return 1
`);

/** ARGV: windows that start before take no more cells. */
const CLOSE: Script = scriptOf(`
local before = tonumber(redis.call('HGET', '${KEYS.store}', 'foldedTo'))
if not before or before < tonumber(ARGV[1]) then
  redis.call('HSET', '${KEYS.store}', 'foldedTo', ARGV[1])
end
`);

export async function readHeld(connection: Connection, ladder: Ladder): Promise<HistoryHeld> {
  const [flat, skipped] = await connection.sendAll<string[] | string | null>([
    ['HGETALL', KEYS.cells],
    ['HGET', KEYS.store, 'skipped'],
  ]);
  const cells = pairsOf(flat as string[]);
  const levels = ladder.withFormer(cells.keys());
  const oldest = await connection.sendAll<string[]>(
    levels.map((level) => ['ZRANGE', startsKey(level), '0', '0']),
  );
  const held = levels.map((level, i): LevelHeld => {
    const start = oldest[i].at(0);
    const count = Math.max(0, Number(cells.get(level) ?? 0));
    return { level, oldest: start === undefined ? null : Number(start), cells: count };
  });
  return { levels: held, skipped: Number(skipped ?? 0) };
}

function pairsOf(flat: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) pairs.set(flat[i], flat[i + 1]);
  return pairs;
}

/**
 * Folds what has grown too old, or is too much, of windows those that are final, until nothing is
 * left: a commit can write more blocks than any fixed number. Each call of Redis is short, and it
 * rests while sums are made here.
 */
export async function fold(
  connection: Connection,
  ladder: Ladder,
  limits: Limits,
  finalBefore: number | null,
): Promise<void> {
  for (let before = ''; ; ) {
    const newest = await connection.send<string[]>(['ZREVRANGE', KEYS.windows, '0', '0']);
    if (newest.length === 0) return;
    const { levels } = await readHeld(connection, ladder);
    const level = due(ladder, levels, Number(newest[0]), limits, finalBefore);
    const start = levels.find((held) => held.level === level)?.oldest ?? null;
    if (level === null || start === null) return;
    // Still there after it was folded: others fold it too, or it is damaged. A later commit sees.
    const period = `${level} ${start}`;
    if (period === before) return;
    before = period;
    if (level === WINDOW) await connection.run(CLOSE, [String(ladder.endOf(level, start))]);
    await foldPeriod(connection, ladder, level, start);
  }
}

/** Folds a period whole. */
async function foldPeriod(
  connection: Connection,
  ladder: Ladder,
  level: Level,
  start: number,
): Promise<void> {
  const fineKey = periodKey(level, start);
  const buckets = pairsOf(await connection.send<string[]>(['HGETALL', fineKey]));
  const parent = ladder.parent(level);
  if (parent === null) {
    const cells = [...buckets.values()].reduce((sum, log) => sum + entriesOf(log), 0);
    const args = [level, fineKey, String(start), startsKey(level), String(cells)];
    await connection.run(DROP, args);
    return;
  }
  const period = ladder.periodOf(parent, start);
  const coarseKey = periodKey(parent, period);
  const head = [level, parent, fineKey, coarseKey, String(start), String(period)];
  const names = [...buckets.keys()];
  for (let from = 0; from < Math.max(1, names.length); from += BUCKETS_AT_ONCE) {
    const some = names.slice(from, from + BUCKETS_AT_ONCE);
    const before = await coarseLogs(connection, coarseKey, some);
    const sums = some.flatMap((name, i) => sumArguments(name, before[i], buckets.get(name) ?? ''));
    await connection.run(FOLD, [...head, startsKey(level), startsKey(parent), ...sums]);
  }
}

async function coarseLogs(
  connection: Connection,
  key: string,
  names: readonly string[],
): Promise<(string | null)[]> {
  return names.length === 0 ? [] : await connection.send(['HMGET', key, ...names]);
}

function sumArguments(name: string, before: string | null, fine: string): string[] {
  const cells: Cells = parseLog(before ?? '');
  const coarser = cells.size;
  for (const [slot, { impressions, clicks }] of parseLog(fine)) {
    const sum = cells.get(slot) ?? { impressions: 0, clicks: 0 };
    cells.set(slot, {
      impressions: sum.impressions + impressions,
      clicks: sum.clicks + clicks,
    });
  }
  const more = String(cells.size - coarser);
  return [name, before ?? '-', fine, writeLog(cells), String(entriesOf(fine)), more];
}

/** Cells of a log as they were counted when written, outdated ones included. */
function entriesOf(log: string): number {
  return log.split(';').length - 1;
}
