/** The head of a record batch (format 2): what those who read and those who write one share. */

/** Bytes of a batch before its records. */
export const BATCH_HEAD_BYTES = 61;
/** Where in it the checksum begins to count: right after the checksum itself, at the attributes. */
export const CHECKED_FROM = 21;
