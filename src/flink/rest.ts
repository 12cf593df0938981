/** A request to one of Flink's REST interfaces, its answer, and the pause between two looks. */
import { ClickrateError, messageOf } from '../errors.ts';

const REQUEST_MS = 30_000;

export type RestAnswer = {
  /** Who answers, and where. */
  from: string;
  isOk: boolean;
  status: number;
  text: string;
};

/** Rejects with `flink_unavailable`, naming `who` at `base`, when nothing answers in time. */
export async function request(
  who: string,
  base: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<RestAnswer> {
  const from = `the ${who} at ${base}`;
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    return { from, isOk: response.ok, status: response.status, text: await response.text() };
  } catch (error) {
    const isLate = (error as Error).name === 'TimeoutError';
    const why = isLate
      ? `no answer within ${REQUEST_MS / 1_000} s`
      : messageOf((error as Error).cause ?? error);
    throw new ClickrateError('flink_unavailable', `${from}: ${why}`);
  }
}

/** An empty answer is an empty object. Throws `flink_failed` with what it complains of. */
export function parsed({ from, isOk, status, text }: RestAnswer): unknown {
  const answer = text === '' ? {} : jsonOf(text);
  if (isOk && answer !== null) return answer;
  const { errors } = (answer ?? {}) as { errors?: string[] };
  const said = errors?.[0]?.split('\n')[0] ?? `status ${status}`;
  // What stands before it, or in its place, may answer without JSON.
  const kind = answer === null ? ', and no JSON: is that its address?' : '';
  throw new ClickrateError('flink_failed', `${from} says: ${said}${kind}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
