/**
 * The names of the parts of a checkpoint, and what each holds. To a store they are opaque. Stored
 * checkpoints have them, so a name never gets another meaning.
 */

/** Parts of one kind, told apart by a number. */
function numbered(prefix: string) {
  const pattern = new RegExp(`^${prefix}(\\d+)$`);
  return {
    prefix,
    name: (no: number) => `${prefix}${no}`,
    has: (name: string) => pattern.test(name),
    /** Null: the name is of another kind. */
    numberOf(name: string): number | null {
      const match = pattern.exec(name);
      return match === null ? null : Number(match[1]);
    },
  };
}

/** By block of products: what the engine published, and open windows; the sink's results. */
export const BLOCK_PARTS = numbered('block/');

/** By block of products: their product ids, which the engine knows by dense id. */
export const PRODUCT_PARTS = numbered('products/');

/** Product parts of a topic that was deleted and made anew: these products' rows have to go. */
export const FORMER_PARTS = numbered('former/');

/** Remembered event ids: of a topic partition and the end of their window, in pieces. */
export const ID_PARTS = {
  name: (partition: number, end: number, piece: number) => `ids/${partition}/${end}/${piece}`,
  /** Null: the name is of another kind. */
  read(name: string): { partition: number; end: number } | null {
    const match = /^ids\/(\d+)\/(-?\d+)\/\d+$/.exec(name);
    return match === null ? null : { partition: Number(match[1]), end: Number(match[2]) };
  },
};

/** What the sink knows beside its blocks: uncounted events, and how far the job is. */
export const SINK_STATE_PART = 'state';
