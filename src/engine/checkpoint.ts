/** The packed checkpoint part of a block of products: its published table and its open windows. */
import { MOST_PRODUCTS } from '../config.ts';
import { BLOCK_PRODUCTS, BLOCK_SHIFT } from '../decode/columns.ts';
import { BLOCK_PARTS } from '../part-names.ts';
import type { Part } from '../status.ts';
import { slotOf, type TaskCore } from './core.ts';
import { PackReader, PackWriter } from './packing.ts';
import { OWNED, type PublishedBlock, UNCLAIMED } from './published.ts';
import type { Window } from './windows.ts';

const FORM = 1;
const HAS_LATEST = 1;
const HAS_PREVIOUS = 2;

const writer = new PackWriter();

/** The parts of the blocks changed since the last call, and the names of those that are empty. */
export function takeBlockParts(core: TaskCore): { parts: Part[]; removed: string[] } {
  const parts: Part[] = [];
  const removed: string[] = [];
  const changed = core.changedBlocks;
  const windows = core.windows.inOrder();
  // Searched, as there is room for many more blocks than there are, and most have not changed.
  for (let b = changed.indexOf(1); b >= 0; b = changed.indexOf(1, b + 1)) {
    changed[b] = 0;
    const open = windows.filter((window) => window.cells[b] !== undefined);
    const living = livingSlots(core.blocks[b]);
    if (open.length === 0 && living === 0) removed.push(BLOCK_PARTS.name(b));
    else parts.push({ name: BLOCK_PARTS.name(b), bytes: encode(core, b, living, open) });
  }
  return { parts, removed };
}

function livingSlots(block: PublishedBlock | undefined): number {
  let living = 0;
  if (block === undefined) return living;
  const { lastEnd } = block;
  for (let slot = 0; slot < BLOCK_PRODUCTS; slot++) if (!Number.isNaN(lastEnd[slot])) living++;
  return living;
}

function encode(core: TaskCore, b: number, living: number, open: Window[]): Uint8Array {
  writer.uint(FORM);
  const block = core.blocks[b];
  writer.uint(living);
  if (block !== undefined && living > 0) encodePublished(block);
  writer.uint(open.length);
  for (const window of open) encodeCells(window, b);
  return writer.take();
}

function encodePublished(block: PublishedBlock): void {
  const { lastEnd, latestStart, latestCounts, previousStart, previousCounts } = block;
  let newest = -Infinity;
  for (let slot = 0; slot < BLOCK_PRODUCTS; slot++)
    if (lastEnd[slot] > newest) newest = lastEnd[slot];
  writer.float(newest);
  let before = 0;
  for (let slot = 0; slot < BLOCK_PRODUCTS; slot++) {
    const end = lastEnd[slot];
    if (Number.isNaN(end)) continue;
    const latest = latestStart[slot];
    const previous = previousStart[slot];
    const hasLatest = !Number.isNaN(latest);
    const hasPrevious = !Number.isNaN(previous);
    writer.uint(slot - before);
    writer.uint(newest - end);
    writer.uint((hasLatest ? HAS_LATEST : 0) | (hasPrevious ? HAS_PREVIOUS : 0));
    if (hasLatest) {
      writer.uint(end - latest);
      writer.uint(latestCounts[2 * slot]);
      writer.uint(latestCounts[2 * slot + 1]);
    }
    if (hasPrevious) {
      writer.uint(latest - previous);
      writer.uint(previousCounts[2 * slot]);
      writer.uint(previousCounts[2 * slot + 1]);
    }
    before = slot;
  }
}

function encodeCells(window: Window, b: number): void {
  const cells = window.cells[b];
  if (cells === undefined) return;
  const { counts, fired, unpublished } = cells;
  writer.float(window.start);
  writer.uint(fired ? 1 : 0);
  let filled = 0;
  for (let at = 0; at < counts.length; at += 2) if (counts[at] + counts[at + 1] > 0) filled++;
  writer.uint(filled);
  const areAllPublished = unpublished.size === 0;
  let before = 0;
  for (let slot = 0; 2 * slot < counts.length; slot++) {
    const impressions = counts[2 * slot];
    const clicks = counts[2 * slot + 1];
    if (impressions + clicks === 0) continue;
    // The slot's distance and its "not yet published" flag share one number.
    const flag = !areAllPublished && unpublished.has(slot) ? 1 : 0;
    writer.uint((slot - before) * 2 + flag);
    writer.uint(impressions);
    writer.uint(clicks);
    before = slot;
  }
}

/**
 * Takes a part of `takeBlockParts`, perhaps of blocks of another size, which is then written anew;
 * false when it is not one of these.
 */
export function restoreBlock(core: TaskCore, part: Part, shift: number): boolean {
  const b = BLOCK_PARTS.numberOf(part.name);
  if (b === null) return false;
  const at = { first: b << shift, products: 1 << shift };
  const reader = new PackReader(part.name, part.bytes);
  if (b >= MOST_PRODUCTS >>> shift || reader.uint() !== FORM) throw reader.damaged();
  restorePublished(core, at, reader);
  const windows = reader.uint(2 ** 32);
  for (let n = 0; n < windows; n++) restoreCells(core, at, reader);
  reader.end();
  const last = (at.first + at.products) >>> BLOCK_SHIFT;
  if (shift !== BLOCK_SHIFT) core.changedBlocks.fill(1, at.first >>> BLOCK_SHIFT, last);
  return true;
}

/** The products of a part. */
type Range = { first: number; products: number };

function restorePublished(core: TaskCore, { first, products }: Range, reader: PackReader): void {
  const living = reader.uint(products);
  if (living === 0) return;
  const newest = reader.time();
  let place = 0;
  for (let n = 0; n < living; n++) {
    place += reader.uint(products);
    if (place >= products) throw reader.damaged();
    const block = core.blockOf(first + place);
    const slot = slotOf(first + place);
    const lastEnd = newest - reader.uint();
    const flags = reader.uint(HAS_LATEST | HAS_PREVIOUS);
    let latest = Number.NaN;
    if (flags & HAS_LATEST) {
      latest = lastEnd - reader.uint();
      const impressions = reader.uint(0xffff_ffff);
      block.publish(slot, latest, impressions, reader.uint(0xffff_ffff));
    }
    if (flags & HAS_PREVIOUS) {
      const previous = latest - reader.uint();
      const impressions = reader.uint(0xffff_ffff);
      block.publish(slot, previous, impressions, reader.uint(0xffff_ffff));
    }
    block.seen(slot, lastEnd);
    // Only an owned product was ever published; the others ask again.
    block.claim[slot] = flags & HAS_LATEST ? OWNED : UNCLAIMED;
    if (!(flags & HAS_LATEST)) core.toClaim.push(first + place);
  }
}

function restoreCells(core: TaskCore, { first, products }: Range, reader: PackReader): void {
  const window = core.windows.at(reader.time());
  const fired = reader.uint(1) === 1;
  const filled = reader.uint(products);
  let place = 0;
  for (let n = 0; n < filled; n++) {
    const head = reader.uint(2 * products);
    place += head >>> 1;
    if (place >= products) throw reader.damaged();
    const slot = slotOf(first + place);
    const cells = core.windows.cellsFor(window, first + place);
    cells.fired = fired;
    cells.counts[2 * slot] = reader.uint(0xffff_ffff);
    cells.counts[2 * slot + 1] = reader.uint(0xffff_ffff);
    if (head & 1) cells.unpublished.add(slot);
  }
}
