/** A block of products as a packed part of the sink's checkpoint. */
import { PackReader, PackWriter } from '../engine/packing.ts';
import { BLOCK_PARTS } from '../part-names.ts';
import type { Part } from '../status.ts';
import { type Cell, UNKNOWN_S } from './let-go.ts';
import type { Block, Entry, StoredEntry, Table } from './table.ts';

const FORM = 1;
/** A product id may begin with a byte order mark. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
const writer = new PackWriter();

export function blockPart(block: Block, windowMs: number): Part {
  writer.uint(FORM);
  writer.uint(block.counted);
  writer.uint(block.entries.size);
  for (const entry of block.entries) encodeEntry(entry, windowMs);
  return { name: BLOCK_PARTS.name(block.number), bytes: writer.take() };
}

function encodeEntry({ product, floors, cells }: Entry, windowMs: number): void {
  const name = encoder.encode(product);
  writer.uint(name.length);
  for (const byte of name) writer.uint(byte);
  writer.uint(floors.length);
  for (const floor of floors) writer.float(floor);
  writer.uint(cells.length);
  let before = cells[0]?.start ?? 0;
  writer.float(before);
  for (const { start, impressions, clicks, from } of cells) {
    writer.uint(from);
    writer.uint((start - before) / windowMs);
    writer.uint(impressions);
    writer.uint(clicks);
    before = start;
  }
}

/** False: the part is not a block. Throws `checkpoint_damaged`. */
export function restoreBlock(table: Table, part: Part, windowMs: number): boolean {
  const number = BLOCK_PARTS.numberOf(part.name);
  if (number === null) return false;
  const reader = new PackReader(part.name, part.bytes);
  if (reader.uint() !== FORM) throw reader.damaged();
  const counted = reader.uint();
  const count = reader.uint(65_536);
  const entries = Array.from({ length: count }, () => decodeEntry(reader, windowMs));
  reader.end();
  table.restore(number, counted, entries);
  return true;
}

function decodeEntry(reader: PackReader, windowMs: number): StoredEntry {
  const name = Uint8Array.from({ length: reader.uint(65_536) }, () => reader.uint(255));
  const floors = Array.from({ length: reader.uint(65_536) }, () => reader.float());
  const cells: Cell[] = [];
  const count = reader.uint();
  let start = reader.float();
  for (let n = 0; n < count; n++) {
    const from = reader.uint();
    start += reader.uint() * windowMs;
    const counts = { impressions: reader.uint(), clicks: reader.uint() };
    cells.push({ start, ...counts, from, toldS: UNKNOWN_S });
  }
  return { product: utf8.decode(name), floors, cells, isOwned: true };
}
