/** Bounds that every store keeps beside those of `config.ts`. */

/** Comebacks kept as history; older ones go. */
export const COMEBACK_ROWS = 100_000;

/**
 * What a kept event weighs against the limit of bytes beside its own bytes: its origin, reason and
 * message. Without it, a flood of empty events would never reach the limit.
 */
export const KEPT_ROW_BYTES = 128;
