/** What an engine made of a stream, in the form in which two of them can be compared. */
import type { Answer } from './oracle.ts';

export type Window = {
  product: string;
  startMs: number;
  impressions: number;
  clicks: number;
  /** null: the engine does not say. */
  ctr: number | null;
};

export type Outcome = {
  engine: string;
  /** `received`, then each verdict that some event got. */
  ledger: Map<string, number>;
  /** Final counts by `windowKey`. */
  windows: Map<string, Window>;
  /** Why an event was not counted, by its place (`partition@offset`); duplicates are not in it. */
  kept: Map<string, string>;
};

export function windowKey(product: string, startMs: number): string {
  return `${startMs} ${product}`;
}

export function placeOf(partition: string, offset: number): string {
  return `${partition}@${offset}`;
}

/** Floor of the exact fraction plus a half, at 4 decimals; 0 without impressions. */
export function exactCtr(impressions: number, clicks: number): number {
  if (impressions === 0) return 0;
  const shown = BigInt(impressions);
  const tenThousandths = (20_000n * BigInt(clicks) + shown) / (2n * shown);
  return Number(tenThousandths) / 10_000;
}

/** What the oracle says must come out. */
export function expected(answer: Answer): Outcome {
  const windows = new Map<string, Window>();
  for (const [product, cells] of answer.cells)
    for (const { start, impressions, clicks } of cells.values()) {
      const ctr = exactCtr(impressions, clicks);
      const window = { product, startMs: start, impressions, clicks, ctr };
      windows.set(windowKey(product, start), window);
    }
  const kept = new Map<string, string>();
  for (const [partition, judged] of answer.judged)
    for (const { offset, verdict } of judged)
      if (verdict !== 'counted' && verdict !== 'duplicate')
        kept.set(placeOf(partition, offset), verdict);
  const ledger = new Map([['received', answer.received], ...answer.totals]);
  return { engine: 'oracle', ledger, windows, kept };
}
