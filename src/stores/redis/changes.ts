/**
 * The stream of changes: one entry a commit that changed rows. Each carries a mark that no other
 * has, and the mark before it, so that a reader notices when the stream is not the one it knew: a
 * store that lost its last writes counts the same numbers again for other changes.
 */
import type { Counts } from '../../result.ts';
import type { Change, Row } from '../store.ts';
import { KEYS } from './keys.ts';
import type { SentRows } from './sent-rows.ts';

/** Entries kept, and about how many bytes: of large entries fewer are kept. */
const STREAM_ENTRIES = 10_000;
const STREAM_BYTES = 67_108_864;

/** For the commit script: adds the entry of a change, and drops the oldest. */
export const CHANGES_LUA = `
local function tellChange(incarnation, number, mark, before, windowMs, rows, removed, name)
  local removals = ''
  if #removed > 0 then removals = cjson.encode(removed) end
  local fit = math.floor(${STREAM_BYTES} / (#rows + #removals + 100))
  if fit > ${STREAM_ENTRIES} then fit = ${STREAM_ENTRIES} end
  append('${KEYS.changes}', number .. '-0', {'MAXLEN', whole(fit)},
    'i', incarnation, 'm', mark, 'p', before, 'w', windowMs, 'r', rows, 'd', removals,
    'n', name)
end
`;

/** One number after the other: start, impressions and clicks of latest, then of previous. */
type PackedRow = [string, ...number[]];

/** A change as it stands in the stream, with its mark and that of the change before it. */
export type MarkedChange = Change & { mark: string; before: string };

export type Entry = [id: string, fields: string[]];

/** @param sent where this process looks for what it sent itself */
export function changeOf([id, fields]: Entry, sent?: SentRows): MarkedChange {
  const [, incarnation, , mark, , before, , windowMs, , rows, , removals, , name] = fields;
  return {
    incarnation,
    number: Number.parseInt(id, 10),
    mark,
    before,
    windowMs: Number(windowMs),
    rows: sent?.take(name) ?? (JSON.parse(rows) as PackedRow[]).map(rowOf),
    removals: removals === '' ? [] : (JSON.parse(removals) as string[]),
  };
}

function rowOf(packed: PackedRow): Row {
  const previous = packed.length > 4 ? countsAt(packed, 4) : null;
  return { product: packed[0], latest: countsAt(packed, 1), previous };
}

function countsAt(packed: PackedRow, at: number): Counts {
  return {
    start: packed[at] as number,
    impressions: packed[at + 1] as number,
    clicks: packed[at + 2] as number,
  };
}
