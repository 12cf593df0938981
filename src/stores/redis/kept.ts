/**
 * Events that were not counted, and old comebacks: kept for a time, oldest dropped first. Entry
 * `n-0` of the stream is event n; a list beside it holds when each arrived and how large it is, so
 * that what must go is found without reading it.
 */
import type { Limits } from '../../config.ts';
import type { Reason } from '../../event.ts';
import type { Comeback } from '../../status.ts';
import { COMEBACK_ROWS, KEPT_ROW_BYTES } from '../bounds.ts';
import type { Commit, KeptTotals, RejectedQuery, StoredEvent } from '../store.ts';
import type { Connection } from './connection.ts';
import { KEYS } from './keys.ts';
import type { Argument } from './line.ts';

/** Arguments of one kept event. */
const FIELDS = 6;
/** Events read in one go: at first, as they may be large; and at most, where few are wanted. */
const FIRST_EVENTS = 16;
const PAGE_EVENTS = 200;
/** Comebacks read in one go. */
const PAGE_COMEBACKS = 10_000;

/**
 * For the commit script. `keep(at, count, task, oldestMs, totalBytes)` stores events, then drops
 * the oldest until what is kept is young and small enough. A stream whose numbers do not fit is
 * begun anew.
 */
export const KEPT_LUA = `
local function append(key, id, trim, ...)
  local args = {key}
  for _, arg in ipairs(trim) do args[#args + 1] = arg end
  args[#args + 1] = id
  for _, arg in ipairs({...}) do args[#args + 1] = arg end
  local answer = redis.pcall('XADD', unpack(args))
  if type(answer) == 'table' and answer.err then
    -- What is refused for another reason than its number is refused again, and nothing is lost.
    if string.find(answer.err, 'ID', 1, true) then redis.call('DEL', key) end
    redis.call('XADD', unpack(args))
  end
end
local function oldestOf(kept, oldestMs, totalBytes)
  local dropped = 0
  while kept.events > 0 do
    local heads = redis.call('LRANGE', '${KEYS.rejectedSizes}', 0, 255)
    local n = 0
    for _, head in ipairs(heads) do
      local space = string.find(head, ' ', 1, true)
      local arrival, size = string.sub(head, 1, space - 1), tonumber(string.sub(head, space + 1))
      local small = kept.bytes + kept.events * ${KEPT_ROW_BYTES} <= totalBytes
      if tonumber(arrival) >= oldestMs and small then break end
      n = n + 1
      kept.bytes = kept.bytes - size
      kept.events = kept.events - 1
    end
    if n > 0 then redis.call('LPOP', '${KEYS.rejectedSizes}', n) end
    dropped = dropped + n
    if #heads == 0 then kept.events = 0; kept.bytes = 0 end
    if n < #heads or n == 0 then break end
  end
  return dropped
end
local function keep(at, count, task, oldestMs, totalBytes)
  local row = redis.call('HMGET', '${KEYS.store}', 'keptId', 'keptEvents', 'keptBytes', 'pruned')
  local id = tonumber(row[1])
  local kept = {events = tonumber(row[2]), bytes = tonumber(row[3])}
  for i = at, at + (count - 1) * ${FIELDS}, ${FIELDS} do
    id = id + 1
    append('${KEYS.rejected}', whole(id) .. '-0', {}, 't', task, 'p', ARGV[i], 'o', ARGV[i + 1],
      'r', ARGV[i + 2], 'm', ARGV[i + 3], 'a', ARGV[i + 4], 'b', ARGV[i + 5])
    redis.call('RPUSH', '${KEYS.rejectedSizes}', ARGV[i + 4] .. ' ' .. #ARGV[i + 5])
    kept.events = kept.events + 1
    kept.bytes = kept.bytes + #ARGV[i + 5]
  end
  local dropped = oldestOf(kept, oldestMs, totalBytes)
  if count == 0 and dropped == 0 then return end
  if dropped > 0 then
    redis.call('XTRIM', '${KEYS.rejected}', 'MINID', whole(id - kept.events + 1) .. '-0')
  end
  redis.call('HSET', '${KEYS.store}', 'keptId', whole(id), 'keptEvents', whole(kept.events),
    'keptBytes', whole(kept.bytes), 'pruned', whole(tonumber(row[4]) + dropped))
end
local function keepComebacks(at, count)
  if count == 0 then return end
  each(at, at + count - 1, function(from, to)
    redis.call('RPUSH', '${KEYS.comebacks}', unpack(ARGV, from, to))
  end)
  redis.call('LTRIM', '${KEYS.comebacks}', -${COMEBACK_ROWS}, -1)
end
`;

/** The sections of kept events and comebacks. */
export function keptArguments({ task, kept, comebacks }: Commit): Argument[] {
  const args: Argument[] = [];
  for (const { partition, offset, reason, message, arrivalMs, bytes } of kept)
    args.push(partition, String(offset), reason, message, String(arrivalMs), bufferOf(bytes));
  for (const comeback of comebacks) args.push(JSON.stringify({ task, ...comeback }));
  return args;
}

/** The same bytes as a Buffer, which is what the client sends as they are. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** How young and small kept events must stay, as arguments; no time: none is too old. */
export function keptLimits({ keptMs, keptTotalBytes }: Limits, nowMs: number): Argument[] {
  return [numberText(nowMs - keptMs), numberText(keptTotalBytes)];
}

/** A number as Redis and Lua read it, infinities too. */
export function numberText(value: number): string {
  if (value === Infinity) return 'inf';
  return value === -Infinity ? '-inf' : String(value);
}

type Entry = [id: Buffer, fields: Buffer[]];

/** Newest first; pages on until enough events of the reason are found. */
export async function readRejected(
  connection: Connection,
  query: RejectedQuery,
): Promise<StoredEvent[]> {
  const { before, limit, maxBytes = Infinity } = query;
  const found: StoredEvent[] = [];
  let bytes = 0;
  // Numbers begin at 1, and Redis knows nothing before 0.
  let end = before === undefined ? '+' : `(${Math.max(1, before)}-0`;
  let count = Math.min(FIRST_EVENTS, limit);
  while (found.length < limit) {
    const command = ['XREVRANGE', KEYS.rejected, end, '-', 'COUNT', String(count)];
    const [entries] = await connection.sendAllForBytes<Entry[]>([command]);
    for (const entry of entries) {
      const event = eventOf(entry);
      if (!isWanted(event, query)) continue;
      found.push(event);
      bytes += event.bytes.length;
      if (found.length === limit || bytes >= maxBytes) return found;
    }
    if (entries.length < count) break;
    end = `(${entries.at(-1)![0]}`;
    count = Math.min(PAGE_EVENTS, count * 2);
  }
  return found;
}

function isWanted(event: StoredEvent, query: RejectedQuery): boolean {
  const { reason, fromMs = -Infinity, toMs = Infinity } = query;
  const isReason = reason === undefined || event.reason === reason;
  return isReason && event.arrivalMs >= fromMs && event.arrivalMs < toMs;
}

function eventOf([id, fields]: Entry): StoredEvent {
  const [, task, , partition, , offset, , reason, , message, , arrival, , bytes] = fields;
  return {
    id: Number.parseInt(id.toString(), 10),
    task: task.toString(),
    partition: partition.toString(),
    offset: Number(offset),
    reason: reason.toString() as Reason,
    message: message.toString(),
    arrivalMs: Number(arrival),
    bytes: new Uint8Array(bytes),
  };
}

export async function readTotals(connection: Connection): Promise<KeptTotals> {
  const command = ['HMGET', KEYS.store, 'keptEvents', 'keptBytes', 'pruned'];
  const [events, bytes, pruned] = await connection.send<(string | null)[]>(command);
  return { events: Number(events), bytes: Number(bytes), pruned: Number(pruned) };
}

/** Oldest first. */
export async function readComebacks(
  connection: Connection,
): Promise<(Comeback & { task: string })[]> {
  const found: (Comeback & { task: string })[] = [];
  for (let from = 0; ; from += PAGE_COMEBACKS) {
    const to = from + PAGE_COMEBACKS - 1;
    const command = ['LRANGE', KEYS.comebacks, String(from), String(to)];
    const page = await connection.send<string[]>(command);
    for (const text of page) found.push(JSON.parse(text));
    if (page.length < PAGE_COMEBACKS) return found;
  }
}
