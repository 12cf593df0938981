/**
 * Products travel by dense id; state about them is kept in blocks of this many ids. A commit takes
 * whole blocks: one is about what Redis writes at once without holding others up.
 */
export const BLOCK_SHIFT = 9;
export const BLOCK_PRODUCTS = 1 << BLOCK_SHIFT;
/** What leaves of a dense id the product's place in its block. */
export const SLOT_MASK = BLOCK_PRODUCTS - 1;

/** The shift of the blocks in a checkpoint of this version: those of the first one were larger. */
export function blockShiftOf(version: number): number {
  return version === 1 ? 10 : BLOCK_SHIFT;
}

/**
 * What decode hands to the engine: one column a property, one row a record of the batch it was
 * decoded from (same index). `reject` is the code of the rejection, or 0 when the event is good;
 * the other columns of a rejected row are meaningless.
 */
export type EventBatch = {
  capacity: number;
  /** Rows decoded: `[from, to)` of the record batch, at the same indices. */
  from: number;
  to: number;
  /** Event time, epoch milliseconds, always a safe integer. */
  time: Float64Array;
  /** Dense id of the product, see `products.ts`. */
  product: Uint32Array;
  /** `IMPRESSION` or `CLICK`. */
  kind: Uint8Array;
  /** 0, or the verdict code of the rejection. */
  reject: Uint8Array;
  /** 1 when the event carries an `event_id`; its keyed hash is then in `id[4i .. 4i+3]`. */
  hasId: Uint8Array;
  id: Uint32Array;
  /** Filled by the engine: the verdict code of each applied row. */
  verdict: Uint8Array;
};

/** Columns with room for `capacity` rows. */
export function eventBatch(capacity: number): EventBatch {
  return {
    capacity,
    from: 0,
    to: 0,
    time: new Float64Array(capacity),
    product: new Uint32Array(capacity),
    kind: new Uint8Array(capacity),
    reject: new Uint8Array(capacity),
    hasId: new Uint8Array(capacity),
    id: new Uint32Array(capacity * 4),
    verdict: new Uint8Array(capacity),
  };
}
