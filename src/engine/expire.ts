/** Step 4, products that leave: those that had no window for `expiryMs` of watermark. */
import { BLOCK_PRODUCTS, BLOCK_SHIFT } from '../decode/columns.ts';
import { slotOf, type TaskCore } from './core.ts';
import { ASKED_AGAIN, CLAIM_SENT, ELSEWHERE, OWNED, UNCLAIMED } from './published.ts';
import { hasCounts } from './windows.ts';

/**
 * Takes up to `limit` of them out: their ids are free for other products from now on, and `owned`
 * are those whose rows must go. One that is not claimed yet may have a row from before a restart.
 */
export function expire(core: TaskCore, limit: number): { expired: number[]; owned: number[] } {
  const expired: number[] = [];
  const owned: number[] = [];
  for (let b = 0; b < core.blocks.length && expired.length < limit; b++) {
    const block = core.blocks[b];
    if (block === undefined || !mayHaveExpired(core, b)) continue;
    let oldest = Infinity;
    for (let slot = 0; slot < BLOCK_PRODUCTS; slot++) {
      const last = block.lastEnd[slot];
      if (Number.isNaN(last)) continue;
      const product = (b << BLOCK_SHIFT) + slot;
      if (expired.length >= limit || !isExpired(core, product)) {
        oldest = Math.min(oldest, last);
        continue;
      }
      expired.push(product);
      const claim = block.claim[slot];
      if (claim === OWNED || claim === UNCLAIMED) owned.push(product);
      if (claim === ELSEWHERE) core.heldElsewhere--;
      block.clear(slot);
      core.changedBlocks[b] = 1;
    }
    block.oldestEnd = oldest;
  }
  return { expired, owned };
}

/** Whether `expire` would take a product out. */
export function hasExpired(core: TaskCore): boolean {
  for (let b = 0; b < core.blocks.length; b++) {
    if (!mayHaveExpired(core, b)) continue;
    for (let slot = 0; slot < BLOCK_PRODUCTS; slot++)
      if (isExpired(core, (b << BLOCK_SHIFT) + slot)) return true;
  }
  return false;
}

/** False: no product of the block has, which spares a look at each. */
function mayHaveExpired({ blocks, watermark, settings }: TaskCore, b: number): boolean {
  const block = blocks[b];
  return block !== undefined && block.oldestEnd <= watermark - settings.expiryMs;
}

function isExpired(core: TaskCore, product: number): boolean {
  const block = core.blockOf(product);
  const slot = slotOf(product);
  return (
    block.lastEnd[slot] <= core.watermark - core.settings.expiryMs &&
    block.claim[slot] !== CLAIM_SENT &&
    block.claim[slot] !== ASKED_AGAIN &&
    newestEnd(core, product) === null
  );
}

/** End of the newest open window that has counts of `product`; null without one. */
export function newestEnd(core: TaskCore, product: number): number | null {
  let newest: number | null = null;
  for (const window of core.windows.values()) {
    const cells = window.cells[product >>> BLOCK_SHIFT];
    if (cells !== undefined && hasCounts(cells, slotOf(product)))
      newest = Math.max(newest ?? window.end, window.end);
  }
  return newest;
}
