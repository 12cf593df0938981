/**
 * What a snapshot costs: the checkpoint parts of 100 000 products, all of them touched since the
 * last one, as a commit takes them each second. Each product has a latest and a previous window
 * and counts in two open ones.
 */
import { LIMITS, SETTINGS } from '../src/config.ts';
import { takeBlockParts } from '../src/engine/checkpoint.ts';
import { slotOf, TaskCore } from '../src/engine/core.ts';
import { OWNED } from '../src/engine/published.ts';
import { cpuSeconds, median } from './measure.ts';

const START = 1_760_000_000_000;
const WARM_UP = 10;

export type Snapshot = { cpuMs: number; bytes: number };

function touched(products: number): TaskCore {
  const core = new TaskCore(SETTINGS, LIMITS, ['impressions-0', 'clicks-0']);
  const { windowMs } = SETTINGS;
  const windows = [2, 3].map((n) => core.windows.at(START + n * windowMs));
  for (let product = 0; product < products; product++) {
    const block = core.blockOf(product);
    const slot = slotOf(product);
    block.claim[slot] = OWNED;
    for (let n = 0; n < 2; n++)
      block.publish(slot, START + n * windowMs, 20 + ((product * 7 + n) % 300), product % 40);
    for (const [n, window] of windows.entries()) {
      const { counts } = core.windows.cellsFor(window, product);
      counts[2 * slot] = 1 + ((product * 13 + n) % 200);
      counts[2 * slot + 1] = product % 30;
      block.seen(slot, window.end);
    }
  }
  return core;
}

/** The median of so many snapshots. */
export function benchSnapshot(products: number, rounds: number): Snapshot {
  const core = touched(products);
  const costs: number[] = [];
  let bytes = 0;
  for (let round = -WARM_UP; round < rounds; round++) {
    core.changedBlocks.fill(1, 0, core.blocks.length);
    const before = cpuSeconds();
    const { parts } = takeBlockParts(core);
    if (round >= 0) costs.push((cpuSeconds() - before) * 1_000);
    bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  }
  return { cpuMs: median(costs), bytes };
}
