/** Strong entity tags, and the comparison of `If-None-Match` (RFC 9110, 13.1.2). */
import { hash } from 'node:crypto';

/** A strong entity tag: the same for the same bytes, in this process or another. */
export function etagOf(bytes: string | Uint8Array): string {
  return `"${hash('sha256', bytes, 'base64url').slice(0, 22)}"`;
}

/**
 * Whether `If-None-Match` names the entity tag: `*` names any, and a list is compared weakly, so
 * that a cache which made our tag weak still gets its 304.
 */
export function noneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header.trim() === '*') return true;
  for (const [, tag] of header.matchAll(/(?:W\/)?("[^"]*")/g)) if (tag === etag) return true;
  return false;
}
