/** Which timestamps can only be in another unit than milliseconds, by their number of digits. */

const DIGITS = [
  // Each range means a time from 2001 to 2286 in its unit.
  { unit: 'seconds', from: 1e9, to: 1e10 },
  { unit: 'microseconds', from: 1e15, to: 1e16 },
  { unit: 'nanoseconds', from: 1e18, to: 1e19 },
] as const;

export type Unit = (typeof DIGITS)[number]['unit'];

/** The unit an integer can only be in, or null when it may be milliseconds (or is a fraction). */
export function unitOf(value: number): Unit | null {
  if (value < 1e9 || !Number.isInteger(value)) return null;
  for (const { unit, from, to } of DIGITS) if (value >= from && value < to) return unit;
  return null;
}
