/** Any text: of every code point but halves of surrogate pairs, short ones and ASCII more often. */
import { fc } from './fast-check.ts';

const SURROGATES = { from: 0xd800, count: 0x800 };

/**
 * As `fc.string({ unit: 'binary' })`, which makes a map of all million code points first, in each
 * process: half a second.
 */
export function anyText(limits: { minLength?: number; maxLength?: number } = {}) {
  const other = fc.integer({ min: 0, max: 0x10ffff - SURROGATES.count });
  const unit = fc
    .oneof(fc.integer({ min: 0, max: 0x7f }), other)
    .map((n) => String.fromCodePoint(n < SURROGATES.from ? n : n + SURROGATES.count));
  return fc.array(unit, limits).map((units) => units.join(''));
}
