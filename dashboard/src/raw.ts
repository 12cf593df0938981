/** Bytes from outside, made fit to be looked at. */

/** The bytes as text; what cannot be seen is written as an escape. */
export function rawText({ text, bytes }: { text?: string; bytes: string }): string {
  if (text !== undefined) return escaped(text);
  const raw = atob(bytes);
  return escaped(raw, 0x7f);
}

/**
 * A product id as it is shown: no mark in it may turn the text around it, and one of blanks alone
 * can be seen. Joiners stay, which letters and emoji need.
 */
export function nameText(product: string): string {
  if (product.trim() === '') return `“${product}”`;
  return product.replace(/[\p{C}\u2028\u2029]/gu, (char) =>
    char === '\u200c' || char === '\u200d' ? char : escaped(char),
  );
}

/** Control characters, direction marks and, over `last`, everything else as escapes. */
function escaped(text: string, last = Number.POSITIVE_INFINITY): string {
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (code <= last && !/[\p{C}\u2028\u2029]/u.test(char)) out += char;
    else if (code <= 0xff) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += `\\u{${code.toString(16)}}`;
  }
  return out;
}
