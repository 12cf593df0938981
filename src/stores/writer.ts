/** Which kind of program may claim tasks of a store. */
import { ClickrateError } from '../errors.ts';
import type { Writer } from './store.ts';

/**
 * Whether a claim takes the store over from another kind: what that had then ends before it. Throws
 * `writer_other` where it `may` not.
 */
export function takesOver(found: unknown, writer: Writer, may: boolean): boolean {
  if (found === null || found === writer) return false;
  if (!may) throw writerOther(String(found));
  return true;
}

export function writerOther(found: string): ClickrateError {
  return new ClickrateError(
    'writer_other',
    `the store is written by the ${found}: stop it, then use --take-over; or use another store`,
  );
}
