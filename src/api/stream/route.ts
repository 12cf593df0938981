/** `GET /v1/stream`: server-sent events (HTML Living Standard, section 9.2). */
import type { FastifyInstance } from 'fastify';
import { ClickrateError } from '../../errors.ts';
import { DATA_GUARDS } from '../answer.ts';
import { streamSchema } from '../operations-live.ts';
import type { Context } from '../parts.ts';
import { StreamHub } from './hub.ts';

type Query = { product?: string | string[] };

/** `x-accel-buffering` keeps nginx from gathering what should leave at once. */
const HEADERS = Object.entries({
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  connection: 'close',
}).flat();

export async function streamRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const hub = new StreamHub(context);
  hub.start();
  app.addHook('preClose', async () => hub.close());

  app.get<{ Querystring: Query }>('/v1/stream', { schema: streamSchema }, (request, reply) => {
    const filter = filterOf(context, request.query.product);
    hub.checkRoom();
    reply.hijack();
    const { raw } = reply;
    // Without chunks every write is one write of the bytes all readers share; it ends by closing.
    raw.useChunkedEncodingByDefault = false;
    const cors = context.parts.doors?.corsHeaders(request) ?? [];
    raw.writeHead(200, [...HEADERS, ...DATA_GUARDS, ...cors]);
    context.traffic.end(request, 200);
    if (request.method === 'HEAD') {
      raw.end();
      return;
    }
    raw.write(`retry: ${context.parts.limits.streamRetryMs}\n\n`);
    raw.socket?.setNoDelay(true);
    // Who ends its side reads no more: else it would be seen at a heartbeat only.
    request.socket.once('end', () => request.socket.end());
    const lastId = request.headers['last-event-id'];
    hub.add(raw, filter, typeof lastId === 'string' ? lastId : undefined);
  });
}

/** The products asked for; null: all. Throws `bad_request` when there are too many. */
function filterOf({ parts }: Context, product: Query['product']): ReadonlySet<string> | null {
  if (product === undefined) return null;
  const filter = new Set([product].flat());
  const { streamProducts } = parts.limits;
  if (filter.size > streamProducts)
    throw new ClickrateError(
      'bad_request',
      `query parameter product may be given ${streamProducts} times; leave it out for all`,
    );
  return filter;
}
