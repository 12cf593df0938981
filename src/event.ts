/**
 * The words for what flows in: an event is an impression or a click of a product at a time; a
 * record is the bytes that carry one; a batch is what travels. Nothing here has behaviour beyond
 * allocation, so every folder may import it.
 */

/** `EventBatch.kind`: what an event says happened. */
export const IMPRESSION = 0;
export const CLICK = 1;

/**
 * Every verdict an event can get. The index is the code used in columns and in the ledger. The
 * rejections are tried first, in this order; then the first three, from the third to the first.
 */
export const VERDICTS = [
  'counted',
  'duplicate',
  'too_late',
  'too_large',
  'not_json',
  'not_object',
  'missing_product_id',
  'bad_product_id',
  'missing_timestamp',
  'bad_timestamp',
  'timestamp_unit',
  'bad_event_type',
  'future_timestamp',
  'too_many_products',
] as const;

export type Verdict = (typeof VERDICTS)[number];

export const COUNTED = 0;
export const DUPLICATE = 1;
/** Codes behind it are rejections, which never move a watermark. */
export const TOO_LATE = 2;

/** Why an event was rejected, or kept as too late. */
export type Reason = Exclude<Verdict, 'counted' | 'duplicate'>;
export const REASONS = VERDICTS.slice(2) as Reason[];

/** The code of a verdict. */
export function codeOf(verdict: Verdict): number {
  return VERDICTS.indexOf(verdict);
}

/**
 * Records of one topic partition as they came: one run of bytes and where each record lies in it,
 * one after the other. Columns may be longer than `count`. `arrivals` are epoch milliseconds
 * (docs/semantics.md says of what), `offsets` rise within a batch but need not be consecutive. The
 * bytes stay as they are until the source is asked for this topic partition again.
 */
export type RecordBatch = {
  bytes: Uint8Array;
  count: number;
  starts: Uint32Array;
  ends: Uint32Array;
  arrivals: Float64Array;
  offsets: Float64Array;
  /** Where each record's key lies, of sources that have keys; none: its end is before its start. */
  keyStarts?: Uint32Array;
  keyEnds?: Uint32Array;
};

/**
 * A copy of `bytes[start, end)`, for whoever keeps them. `slice` is none where they are a Buffer:
 * that is the same memory, which a source reads into again.
 */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

/** An empty record batch with room for `capacity` records over `bytes`. */
export function recordBatch(bytes: Uint8Array, capacity: number): RecordBatch {
  return {
    bytes,
    count: 0,
    starts: new Uint32Array(capacity),
    ends: new Uint32Array(capacity),
    arrivals: new Float64Array(capacity),
    offsets: new Float64Array(capacity),
  };
}

/** Records without what a source adds: what ingest splits a body into. */
export type RecordSlices = Pick<RecordBatch, 'bytes' | 'count' | 'starts' | 'ends'>;

/** One item of a body that cannot be used: its place in the body, the reason and a sentence. */
export type Unusable = { index: number; reason: Reason; message: string };
