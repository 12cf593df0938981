/**
 * How an answer leaves: written straight to the socket. The framework's own `send` costs a third
 * more CPU a request; what it would add (serialising, hooks) is not used here.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AGE_HEADER } from './age-header.ts';
import { noneMatch } from './etag.ts';
import type { Context } from './parts.ts';
import { type Serialised, serialised } from './serialised.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** On every answer: it is what it says, for this origin alone, and tells nobody who asked. */
const GUARDS = Object.entries({
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}).flat();
/** On answers that are no page: whoever opens one in a browser runs nothing of it. */
const POLICY_HEADER = 'content-security-policy';
export const DATA_GUARDS = [...GUARDS, POLICY_HEADER, "default-src 'none'; frame-ancestors 'none'"];

type Answer = Omit<Serialised, 'etag'> & { status: number; headers: string[] };

const NOTHING = { pieces: [], length: 0, text: null };

/** Every answer passes here: written, then counted. */
function write(context: Context, request: FastifyRequest, reply: FastifyReply, answer: Answer) {
  const { status, headers, pieces, length, text } = answer;
  reply.hijack();
  const { raw } = reply;
  headers.push(...(headers.includes(POLICY_HEADER) ? GUARDS : DATA_GUARDS));
  const { doors } = context.parts;
  if (doors !== undefined) headers.push(...doors.corsHeaders(request));
  const staleMs = context.parts.staleMs?.() ?? null;
  if (staleMs !== null) headers.push(AGE_HEADER, String(staleMs));
  if (status !== 304 && status !== 204) headers.push('content-length', String(length));
  raw.writeHead(status, headers);
  if (text !== null) raw.end(text, 'latin1');
  else if (pieces.length > 1) {
    raw.cork();
    for (const piece of pieces) raw.write(piece);
    raw.end();
    raw.uncork();
  } else if (pieces.length === 1) raw.end(pieces[0]);
  else raw.end();
  context.traffic.end(request, status);
}

/** Sends `body` as it is. `headers` are names and values in turn. */
export function send(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  headers: string[],
  body?: string,
): void {
  const content = body === undefined ? NOTHING : serialised(Buffer.from(body), '');
  write(context, request, reply, { ...content, status, headers });
}

/** Sends bytes whose name changes with their content: 200, without an entity tag. */
export function sendBytes(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  headers: string[],
  bytes: Buffer,
): void {
  const answer = { status: 200, headers, pieces: [bytes], length: bytes.length, text: null };
  write(context, request, reply, answer);
}

/** Sends bytes that carry an entity tag, or 304 when the client has them. */
export function sendSerialised(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Serialised,
  type = JSON_TYPE,
): void {
  const headers = ['etag', body.etag, 'cache-control', 'no-cache'];
  if (noneMatch(request.headers['if-none-match'], body.etag)) {
    write(context, request, reply, { ...NOTHING, status: 304, headers });
    return;
  }
  headers.push('content-type', type);
  const { pieces, length, text } = body;
  write(context, request, reply, { status: 200, headers, pieces, length, text });
}

/** Sends JSON text with an entity tag of its content. */
export function sendJson(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
): void {
  sendSerialised(context, request, reply, serialised(Buffer.from(text)));
}

/** Sends text that is of this moment: nobody may keep it. */
export function sendFresh(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
  type = JSON_TYPE,
): void {
  send(context, request, reply, 200, ['cache-control', 'no-store', 'content-type', type], text);
}
