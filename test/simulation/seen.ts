/** What was seen of a task's commits, as far as its store remembers them. */
import type { Commit, Fence } from '../../src/stores/store.ts';
import type { Cell } from '../../src/verify/oracle.ts';

/** What a store that goes back in time takes back, too. */
export type Seen = {
  /** The last claim, and whether nothing was committed since. */
  fence: Fence;
  isFirstOfEpoch: boolean;
  number: number;
  watermark: number;
  missed: number;
  positions: number[];
  /** Watermarks by offset, by log. */
  comebacks: Map<number, number>[];
  /** Published counts by product and window. */
  published: Map<string, Map<number, Cell>>;
  /** Products that left, and the time then. */
  left: Map<string, number>;
  /** Records passed over because they were gone: log, from, to. */
  gaps: { p: number; from: number; to: number }[];
  status: Commit['status'] | null;
};

export function nothing(logs: number): Seen {
  return {
    fence: { epoch: 0, token: '' },
    isFirstOfEpoch: true,
    number: 0,
    watermark: Number.NEGATIVE_INFINITY,
    missed: 0,
    positions: new Array<number>(logs).fill(0),
    comebacks: Array.from({ length: logs }, () => new Map()),
    published: new Map(),
    left: new Map(),
    gaps: [],
    status: null,
  };
}

export function sumOf(cell: Cell | undefined): number {
  return cell === undefined ? 0 : cell.impressions + cell.clicks;
}

/** The newest of a product's windows, and the one before. */
export function newestTwo(windows: Map<number, Cell>): [Cell, Cell | null] {
  let [newest, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const start of windows.keys())
    if (start > newest) [newest, second] = [start, newest];
    else if (start > second) second = start;
  return [windows.get(newest)!, windows.get(second) ?? null];
}
