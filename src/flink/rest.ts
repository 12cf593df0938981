/** A request to one of Flink's REST interfaces, and the pause between two looks. */
import { ClickrateError, messageOf } from '../errors.ts';

const REQUEST_MS = 30_000;

export type RestAnswer = { isOk: boolean; status: number; text: string };

/** Rejects with `flink_unavailable`, naming `who` at `base`, when nothing answers in time. */
export async function request(
  who: string,
  base: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<RestAnswer> {
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    return { isOk: response.ok, status: response.status, text: await response.text() };
  } catch (error) {
    const why = messageOf((error as Error).cause ?? error);
    throw new ClickrateError('flink_unavailable', `the ${who} at ${base}: ${why}`);
  }
}

/** An empty answer is an empty object. */
export function parsed(text: string): unknown {
  return text === '' ? {} : JSON.parse(text);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
