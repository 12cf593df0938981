/** Errors as clients see them: RFC 9457 problem details, from the table of errors. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ClickrateError, ERRORS, type ErrorCode } from '../errors.ts';
import { DATA_GUARDS, send } from './answer.ts';
import type { Context } from './parts.ts';
import { ProblemError } from './problem-error.ts';

export const PROBLEM_TYPE = 'application/problem+json';
/** Seconds a client is asked to wait before it sends the same request again. */
const RETRY_AFTER_S = '1';
const INSTANCE_CHARS = 256;

export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  instance: string;
};

/** The problem document of `code`; `members` are extensions, after the standard ones. */
function problemOf(
  code: ErrorCode,
  detail: string,
  instance: string,
  members: object = {},
): Problem {
  const { title, status } = ERRORS[code];
  const path = instance.split('?', 1)[0]!.slice(0, INSTANCE_CHARS);
  const type = `urn:clickrate:error:${code}`;
  return { type, title, status, detail, code, instance: path, ...members };
}

/** Answers anything thrown; what is not in the table is a fault of ours, told to the log only. */
export function sendError(
  context: Context,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const known = knownError(error, request);
  const { log } = context.parts;
  if (known.status >= 500) {
    const fields = { method: request.method, path: request.url.split('?', 1)[0] };
    // A probe that asks and hears no is what it is for.
    if (known.code === 'not_ready') log.debug(fields, known.message);
    else if (known.retry) context.refused.add(known, fields);
    else log.error({ ...fields, err: error }, 'a request failed');
  }
  if (reply.raw.headersSent) {
    // Too late for another answer: the client must see that this one is not whole.
    reply.raw.destroy();
    return;
  }
  const members = known instanceof ProblemError ? known.members : {};
  const body = problemOf(known.code, known.message, request.url, members);
  const headers = ['content-type', PROBLEM_TYPE, 'cache-control', 'no-store'];
  if (known.retry) headers.push('retry-after', RETRY_AFTER_S);
  if (known instanceof ProblemError) headers.push(...known.headers);
  send(context, request, reply, known.status, headers, JSON.stringify(body));
}

/** Any error as one of the table. */
function knownError(error: unknown, request: FastifyRequest): ClickrateError {
  if (error instanceof ClickrateError) return error;
  const { code, statusCode, validation, message } = error as FastifyError;
  if (validation !== undefined) return new ClickrateError('bad_request', invalidText(error));
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ClickrateError('body_too_large', tooLargeText(request));
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ClickrateError(
        'unsupported_media',
        'send application/json, application/x-ndjson or text/plain; ' +
          "with curl: -H 'content-type: application/json'",
      );
    case 'FST_ERR_BAD_URL':
      return new ClickrateError('bad_request', 'the path has a malformed percent-encoding');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ClickrateError('bad_request', 'a part of the path is too long');
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new ClickrateError('bad_request', message);
  return new ClickrateError('internal', 'the request could not be served; see the log');
}

function tooLargeText({ routeOptions }: FastifyRequest): string {
  return `the body is larger than the ${routeOptions.bodyLimit} bytes that are taken here`;
}

/** What is said of a query parameter that an operation does not take. */
export function unknownText(name: string): string {
  return `query parameter ${name} is not known here`;
}

/** Names the parameter that is wrong and says what it takes. */
function invalidText(error: unknown): string {
  const { validation, validationContext } = error as FastifyError;
  const first = validation![0]!;
  const where = validationContext === 'querystring' ? 'query parameter' : 'part of the path';
  const extra = first.params?.additionalProperty;
  if (typeof extra === 'string') return unknownText(extra);
  const allowed = first.params?.allowedValues;
  const takes = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
  return `${where} ${first.instancePath.slice(1) || '?'} ${first.message}${takes}`;
}

/** What the parser of HTTP refuses never becomes a request: this is written to the bare socket. */
export function clientErrorText(code: string | undefined): string {
  const [status, name, detail] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'the head of the request is too large']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'the request did not arrive in time']
        : [400, 'Bad Request', 'this is not HTTP as this server understands it'];
  const problem = { ...problemOf('bad_request', String(detail), ''), status };
  const body = JSON.stringify({ ...problem, instance: undefined });
  const guards = DATA_GUARDS.flatMap((name, i) =>
    i % 2 === 0 ? [`${name}: ${DATA_GUARDS[i + 1]}`] : [],
  );
  return [
    `HTTP/1.1 ${status} ${name}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...guards,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
