/** Times in queries. */
import { dateStart } from '../calendar.ts';
import { ClickrateError } from '../errors.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Epoch milliseconds, or ISO 8601 with its zone; throws `bad_request` naming the parameter. */
export function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // A plus sign in a query means a space; here it can only be the zone's.
  const plain = text.replace(' ', '+');
  const ms = /^-?\d+$/.test(plain) ? Number(plain) : isTime(plain) ? Date.parse(plain) : NaN;
  if (!Number.isSafeInteger(ms))
    throw new ClickrateError(
      'bad_request',
      `query parameter ${name} must be epoch milliseconds or a time like 2026-01-31T12:00:00Z`,
    );
  return ms;
}

/** Throws `bad_request` for a span that ends before it begins: it would look as if nothing was. */
export function mustBeInOrder(fromMs: number | undefined, toMs: number | undefined): void {
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs)
    throw new ClickrateError('bad_request', 'query parameter from must not be after to');
}

/** `Date.parse` takes 30 February for 2 March. */
function isTime(text: string): boolean {
  const found = ISO.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1, 4).map(Number);
  return dateStart(year, month, day) !== null;
}
