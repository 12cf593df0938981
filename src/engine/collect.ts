/**
 * Step 4, what a commit publishes: results of windows whose time has come, block of products by
 * block up to a limit, then windows that need no longer be kept, then products to claim.
 */
import { BLOCK_SHIFT } from '../decode/columns.ts';
import type { ProductResult } from '../result.ts';
import { slotOf, type TaskCore } from './core.ts';
import { newestEnd } from './expire.ts';
import { type Names, Publication } from './publication.ts';
import { ASKED_AGAIN, CLAIM_SENT, ELSEWHERE, OWNED, UNCLAIMED } from './published.ts';
import { type Cells, hasCounts, type Window } from './windows.ts';

/**
 * Counts that wait for owners are looked over for so many commits of claims, no further: claims go
 * in the order of blocks, so what lies behind those has no owner yet either.
 */
const WAITING_COMMITS = 4;

/** So often, in watermark, products of other tasks are asked for again: they may be free. */
const ASK_AGAIN_MS = 300_000;

/** When there are results to commit: now, soon if time goes on, or later. */
export type Due = 'now' | 'soon' | 'later';

/** So near its end, in watermark, a window is about to close. */
const SOON_MS = 200;

export function due(core: TaskCore): Due {
  let isSoon = false;
  for (const window of core.windows.values()) {
    const leftMs = window.end - 1 - core.watermark;
    if (leftMs > 0) {
      isSoon ||= leftMs <= SOON_MS;
      continue;
    }
    for (const cells of window.cells) {
      if (cells === undefined) continue;
      if (!cells.fired) return 'now';
      if (core.cellsFull() && isOver(core, window, cells)) return 'now';
      // Counts that only wait for an owner go out as soon as the owner is known.
      if (cells.unpublished.size > 0 && (core.publishAgain || core.toClaim.length > 0))
        return 'now';
    }
  }
  return isSoon ? 'soon' : 'later';
}

/**
 * Publishes up to about `limit` cells into the owner's table; returns the results of the commit.
 */
export function publish(core: TaskCore, names: Names, limit: number): ProductResult[] {
  const published = new Publication(names);
  const size = { cells: 0, waiting: 0 };
  core.publishAgain = false;
  for (const window of core.windows.inOrder()) {
    if (window.end - 1 > core.watermark) break;
    published.beginWindow();
    if (!publishWindow(core, window, published, size, limit)) break;
  }
  return published.results;
}

/** False when one of the limits was reached before the window's last block. */
function publishWindow(
  core: TaskCore,
  window: Window,
  published: Publication,
  size: { cells: number; waiting: number },
  limit: number,
): boolean {
  for (let b = 0; b < window.cells.length; b++) {
    const cells = window.cells[b];
    if (cells === undefined || (cells.fired && cells.unpublished.size === 0)) continue;
    const slots = slotsToPublish(cells);
    const owned = window.start <= core.publishFloor ? 0 : ownedOf(core, b, slots);
    if (size.cells > 0 && size.cells + owned > limit) {
      core.publishAgain = true;
      return false;
    }
    if (size.waiting > WAITING_COMMITS * limit) return false;
    size.cells += owned;
    const isFirst = !cells.fired;
    cells.fired = true;
    for (const slot of slots) publishSlot(core, window, cells, b, slot, published);
    // A block whose counts all wait for an owner is as it was: its part need not be written again.
    if (isFirst || cells.unpublished.size < slots.length) core.changedBlocks[b] = 1;
    size.waiting += cells.unpublished.size;
  }
  return true;
}

/** How many of `slots` may be published: what waits for an owner takes no room in a commit. */
function ownedOf(core: TaskCore, b: number, slots: readonly number[]): number {
  const { claim } = core.blockOf(b << BLOCK_SHIFT);
  let owned = 0;
  for (const slot of slots) if (claim[slot] === OWNED) owned++;
  return owned;
}

function slotsToPublish(cells: Cells): number[] {
  if (cells.fired) return [...cells.unpublished];
  const slots: number[] = [];
  for (let slot = 0; slot * 2 < cells.counts.length; slot++)
    if (hasCounts(cells, slot)) slots.push(slot);
  return slots;
}

function publishSlot(
  core: TaskCore,
  window: Window,
  cells: Cells,
  b: number,
  slot: number,
  published: Publication,
): void {
  const product = (b << BLOCK_SHIFT) + slot;
  const block = core.blockOf(product);
  block.seen(slot, window.end);
  const claim = block.claim[slot];
  const isOthers = claim === ELSEWHERE || claim === ASKED_AGAIN;
  const isNeverPublished = window.start <= core.publishFloor || isOthers;
  if (!isNeverPublished && claim !== OWNED) {
    cells.unpublished.add(slot);
    return;
  }
  cells.unpublished.delete(slot);
  if (isNeverPublished) return;
  const impressions = cells.counts[2 * slot];
  const clicks = cells.counts[2 * slot + 1];
  if (block.holds(slot, window.start)) core.revisions++;
  block.publish(slot, window.start, impressions, clicks);
  published.add(product, { start: window.start, impressions, clicks }, block, slot);
}

/** Whether cells take no more events and everything in them is published. */
function isOver(core: TaskCore, window: Window, cells: Cells): boolean {
  const isClosed = window.end - 1 + core.settings.allowedLatenessMs <= core.watermark;
  return isClosed && cells.fired && cells.unpublished.size === 0;
}

/** Frees the cells that take no more events and have nothing left to publish. */
export function free(core: TaskCore): void {
  const { allowedLatenessMs } = core.settings;
  for (const window of core.windows.inOrder()) {
    if (window.end - 1 + allowedLatenessMs > core.watermark) break;
    for (let b = 0; b < window.cells.length; b++) {
      const cells = window.cells[b];
      if (cells === undefined || !isOver(core, window, cells)) continue;
      core.windows.free(window, b);
      core.changedBlocks[b] = 1;
    }
  }
}

/**
 * Takes up to `limit` products to claim, each once, those first that came first: the commit after
 * the answer publishes them while others are claimed.
 */
export function takeClaims(core: TaskCore, limit: number): number[] {
  const claims: number[] = [];
  let taken = 0;
  while (taken < core.toClaim.length && claims.length < limit) {
    const product = core.toClaim[taken++];
    const block = core.blockOf(product);
    const slot = slotOf(product);
    const before = block.claim[slot];
    const isSent = before !== UNCLAIMED && before !== ELSEWHERE;
    if (isSent || Number.isNaN(block.lastEnd[slot])) continue;
    block.claim[slot] = before === UNCLAIMED ? CLAIM_SENT : ASKED_AGAIN;
    claims.push(product);
  }
  core.toClaim.splice(0, taken);
  return claims;
}

/**
 * Puts products of other tasks that have counts here among those to claim, after looking at about
 * `limit` of them. What they publish, they publish from the grant on.
 */
export function askAgain(core: TaskCore, limit: number): void {
  if (core.heldElsewhere === 0) core.askAgainAt = core.watermark + ASK_AGAIN_MS;
  // Nor while others wait: they go first, and the list does not grow.
  if (core.watermark < core.askAgainAt || core.toClaim.length > 0) return;
  for (let looked = 0; looked < limit && core.askAgainFrom < core.blocks.length; ) {
    const b = core.askAgainFrom++;
    const claim = core.blocks[b]?.claim;
    if (claim === undefined) continue;
    for (
      let slot = claim.indexOf(ELSEWHERE);
      slot >= 0;
      slot = claim.indexOf(ELSEWHERE, slot + 1)
    ) {
      const product = (b << BLOCK_SHIFT) + slot;
      if (newestEnd(core, product) !== null) core.toClaim.push(product);
      looked++;
    }
  }
  if (core.askAgainFrom < core.blocks.length) return;
  core.askAgainFrom = 0;
  core.askAgainAt = core.watermark + ASK_AGAIN_MS;
}

/** The store answered the claims of a commit. */
export function answerClaims(core: TaskCore, claims: number[], elsewhere: Set<number>): void {
  for (const product of claims) {
    const { claim } = core.blockOf(product);
    const slot = slotOf(product);
    const wasElsewhere = claim[slot] === ASKED_AGAIN;
    const isElsewhere = elsewhere.has(product);
    claim[slot] = isElsewhere ? ELSEWHERE : OWNED;
    core.heldElsewhere += Number(isElsewhere) - Number(wasElsewhere);
  }
  if (claims.length > 0) core.publishAgain = true;
}
