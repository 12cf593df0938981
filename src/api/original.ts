/** The endpoints of the original demo: same paths, same JSON. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Counts } from '../result.ts';
import { preferred } from './accept.ts';
import { JSON_TYPE, send, sendJson, sendSerialised } from './answer.ts';
import type { SerialisedBody } from './bodies.ts';
import { pairOf } from './live.ts';
import { latestSchema, previousSchema, productCtrSchema, rootSchema } from './operations.ts';
import { sendPage } from './page.ts';
import type { Context } from './parts.ts';
import { originalText, spanText } from './rows.ts';

export type ProductParams = { product_id: string };

const LINKS = {
  latest: '/ctr/latest',
  previous: '/ctr/previous',
  product: '/ctr/{product_id}',
  products: '/v1/products',
  history: '/v1/history',
  stream: '/v1/stream',
  open: '/v1/open',
  watermark: '/v1/watermark',
  ledger: '/v1/ledger',
  rejected: '/v1/rejected',
  ready: '/readyz',
  metrics: '/metrics',
  docs: '/docs',
  openapi: '/openapi.json',
};

export async function originalRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { results, parts, watch } = context;
  const links = parts.push === undefined ? LINKS : { ...LINKS, events: '/v1/events' };

  app.get('/', { schema: rootSchema }, (request, reply) => {
    if (wantsPage(request.headers.accept)) {
      sendPage(context, request, reply, links);
      return;
    }
    const headers = ['vary', 'accept', 'cache-control', 'no-cache', 'content-type'];
    const status = watch.now().ready ? 'running' : 'not ready';
    const body = { name: 'clickrate', version: parts.version, status, links };
    headers.push(JSON_TYPE);
    send(context, request, reply, 200, headers, JSON.stringify(body));
  });

  app.get('/ctr/latest', { schema: latestSchema }, (request, reply) => {
    return sendBody(context, request, reply, results.latest);
  });

  app.get('/ctr/previous', { schema: previousSchema }, (request, reply) => {
    return sendBody(context, request, reply, results.previous);
  });

  app.get<{ Params: ProductParams }>(
    '/ctr/:product_id',
    { schema: productCtrSchema },
    (request, reply) => {
      const product = request.params.product_id;
      sendJson(context, request, reply, twoWindows(context, product));
    },
  );
}

/** Sends a body as it is, or once it is made: that may take long where everything has changed. */
function sendBody(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  body: SerialisedBody,
): Promise<void> | undefined {
  if (body.isLongToMake)
    return body.made().then((made) => sendSerialised(context, request, reply, made));
  sendSerialised(context, request, reply, body.get());
}

/** Both windows of a product as JSON; throws `not_found` when it has neither. */
function twoWindows({ results }: Context, product: string): string {
  const { rows } = results;
  const { latest, previous } = pairOf(rows, product);
  const quoted = JSON.stringify(product);
  const text = (counts: Counts | null) =>
    counts === null ? 'null' : originalText(quoted, counts, spanText(counts.start, rows.windowMs));
  return `{"latest":${text(latest)},"previous":${text(previous)}}`;
}

/** Whether a person with a browser asks, rather than a program. */
function wantsPage(accept: string | undefined): boolean {
  return preferred(accept, ['text/html', 'application/json']) === 'text/html';
}
