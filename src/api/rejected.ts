/** `/v1/rejected`: events that were not counted, with their bytes; sent again after a fix. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ClickrateError } from '../errors.ts';
import type { Reason, RecordSlices } from '../event.ts';
import type { StoredEvent } from '../stores/store.ts';
import { JSON_TYPE, send, sendJson } from './answer.ts';
import { rejectedOneSchema, rejectedSchema, replaySchema } from './operations-rejected.ts';
import type { Context } from './parts.ts';
import { ProblemError } from './problem-error.ts';
import { mustBeInOrder, timeOf } from './time.ts';

/** Nothing is read of the body of a replay, and `{}` is no fault: more would only fill memory. */
const REPLAY_BYTES = 1_024;

type Query = { reason?: Reason; from?: string; to?: string; before?: number; limit: number };
type Params = { id: number };

export async function rejectedRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { reader, limits } = context.parts;

  app.get<{ Querystring: Query }>(
    '/v1/rejected',
    { schema: rejectedSchema },
    async (request, reply) => {
      const { limit, from, to, ...query } = request.query;
      const fromMs = timeOf('from', from);
      const toMs = timeOf('to', to);
      mustBeInOrder(fromMs, toMs);
      const maxBytes = limits.bodyBytes;
      // One more than asked for tells whether there is another page.
      const found = await reader.rejected({
        ...query,
        ...(fromMs === undefined ? {} : { fromMs }),
        ...(toMs === undefined ? {} : { toMs }),
        limit: limit + 1,
        maxBytes,
      });
      const bytes = found.reduce((sum, event) => sum + event.bytes.length, 0);
      const shown = found.slice(0, limit);
      const isMore = shown.length < found.length || bytes >= maxBytes;
      const body = {
        rejected: shown.map(keptBody),
        next: isMore ? (shown.at(-1)?.id ?? null) : null,
        totals: await reader.keptTotals(),
      };
      sendJson(context, request, reply, JSON.stringify(body));
    },
  );

  app.get<{ Params: Params }>(
    '/v1/rejected/:id',
    { schema: rejectedOneSchema },
    async (request, reply) => {
      const event = await keptEvent(context, request.params.id);
      sendJson(context, request, reply, JSON.stringify(keptBody(event)));
    },
  );
}

/** Separate, because it is there only where events can be taken. */
export async function replayRoute(app: FastifyInstance, context: Context): Promise<void> {
  const { judge, push } = context.parts;
  if (judge === undefined || push === undefined) return;
  app.post<{ Params: Params }>(
    '/v1/rejected/:id/replay',
    { schema: replaySchema, bodyLimit: REPLAY_BYTES },
    async (request, reply) => {
      const { bytes } = await keptEvent(context, request.params.id);
      const records = oneRecord(bytes);
      const unusable = judge(records);
      // It would only be kept once more.
      if (unusable.length > 0)
        throw new ProblemError('nothing_usable', `it is still not usable: ${unusable[0].message}`, {
          unusable,
          unusable_total: 1,
        });
      await push(records);
      const answer = JSON.stringify({ accepted: 1, unusable: [], unusable_total: 0 });
      const headers = ['content-type', JSON_TYPE, 'cache-control', 'no-store'];
      send(context, request, reply, 202, headers, answer);
    },
  );
}

/** The kept event with this number; throws `not_found`. */
async function keptEvent({ parts }: Context, id: number): Promise<StoredEvent> {
  const [event] = await parts.reader.rejected({ before: id + 1, limit: 1 });
  if (event?.id === id) return event;
  throw new ClickrateError('not_found', `no kept event ${id}: it may have been pruned`);
}

function oneRecord(bytes: Uint8Array): RecordSlices {
  const starts = new Uint32Array(1);
  const ends = Uint32Array.of(bytes.length);
  return { bytes: Buffer.from(bytes), count: 1, starts, ends };
}

function keptBody(event: StoredEvent) {
  const { id, task, partition, offset, reason, message, arrivalMs } = event;
  const bytes = Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.byteLength);
  const text = isUtf8(bytes) ? { text: bytes.toString() } : {};
  const base64 = bytes.toString('base64');
  return {
    id,
    task,
    partition,
    offset,
    reason,
    message,
    arrival: arrivalMs,
    bytes: base64,
    ...text,
  };
}
