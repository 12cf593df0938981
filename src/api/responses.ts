/** The `responses` of an operation for the OpenAPI document: every status that can come. */
import { Type } from 'typebox';
import { AGE_HEADER } from './age-header.ts';
import { PROBLEM_TYPE } from './problem.ts';

/** What makes the document takes a header's schema as it is, with its description inside. */
type Header = { description: string; type: 'string' };
type Response = {
  description: string;
  /** Of an answer without a body; else it has content. */
  type?: 'null';
  headers?: Record<string, Header>;
  content?: Record<string, { schema: object }>;
};

const header = (description: string): Header => ({ description, type: 'string' });
const ETAG = header('Strong entity tag of exactly these bytes');
const AGE = header(
  'Only while the store does not answer: milliseconds since it last did; what is served is as old',
);
const RETRY_AFTER = header('Seconds to wait before the same request may succeed');

const WHAT_FAILED: Record<number, string> = {
  400: 'The request is wrong: the detail names the part',
  401: 'A key is needed: where keys are configured, as Bearer, or as the password of Basic',
  403: 'This key may not do this, or a page or host name that is not known here asked',
  404: 'There is no such thing',
  408: 'The request did not arrive in time',
  413: 'The body is too large, also after unpacking',
  415: 'The media type, or the content encoding, is not taken',
  429: 'More requests than are allowed, or too many events wait to be counted; nothing was taken',
  431: 'The head of the request is too large',
  500: 'A fault in clickrate',
  503: 'The store does not answer, or is full; nothing was taken',
};

/**
 * Any request may be malformed, slow or too large before it reaches its route, be refused at the
 * doors, or meet a fault.
 */
const ANYWHERE = [400, 401, 403, 408, 429, 431, 500];

export type Success = { status: number; answer: Response; etag: boolean };

/** A successful JSON answer. */
export function jsonAnswer(
  schema: object,
  options: { status?: number; description?: string; etag?: boolean; html?: boolean } = {},
): Success {
  const { status = 200, etag = false, html = false } = options;
  const answer: Response = {
    description: options.description ?? 'As asked',
    content: {
      'application/json': { schema },
      ...(html ? { 'text/html': { schema: Type.String() } } : {}),
    },
  };
  answer.headers = { ...(etag ? { ETag: ETAG } : {}), [AGE_HEADER]: AGE };
  return { status, answer, etag };
}

/** A successful answer of another media type. */
export function textAnswer(type: string, description: string): Success {
  return {
    status: 200,
    answer: { description, content: { [type]: { schema: Type.String() } } },
    etag: false,
  };
}

/**
 * The success and every failure: those that can come anywhere, and `failures`. A probe is answered
 * without a key.
 */
export function answers(
  success: Success,
  failures: readonly number[],
  isProbe = false,
): Record<string, Response> {
  const all: Record<string, Response> = { [success.status]: success.answer };
  if (success.etag)
    all[304] = {
      description: 'The client has these bytes',
      type: 'null',
      headers: { ETag: ETAG },
    };
  const anywhere = isProbe ? ANYWHERE.filter((status) => status !== 401) : ANYWHERE;
  for (const status of [...anywhere, ...failures].sort()) all[status] ??= problemAnswer(status);
  return all;
}

function problemAnswer(status: number): Response {
  const answer: Response = {
    description: WHAT_FAILED[status]!,
    content: { [PROBLEM_TYPE]: { schema: Type.Ref('Problem#') } },
  };
  if (status === 429 || status === 503) answer.headers = { 'Retry-After': RETRY_AFTER };
  return answer;
}
