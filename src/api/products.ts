/** Products under /v1: pages in any order, one product, its history. */
import type { FastifyInstance } from 'fastify';
import { ClickrateError } from '../errors.ts';
import { sendJson } from './answer.ts';
import { historySchema, productSchema, productsSchema } from './operations.ts';
import { Orders } from './order.ts';
import { type ProductParams, twoWindows } from './original.ts';
import type { Context } from './parts.ts';
import { spanText, v1Text } from './rows.ts';
import { timeOf } from './time.ts';

type PageQuery = { sort: string; cursor?: string; limit: number };
type Span = { from?: string; to?: string };

export async function productRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { results } = context;
  const orders = new Orders();

  app.get<{ Querystring: PageQuery }>(
    '/v1/products',
    { schema: productsSchema },
    (request, reply) => {
      const { sort, cursor, limit } = request.query;
      const { rows } = results;
      const { slots, next } = orders.page(rows, sort, cursor, limit);
      const products = slots.map((slot) => productText(context, rows.productAt(slot)!));
      const after = JSON.stringify(next);
      const list = products.join(',');
      const text = `{"products":[${list}],"total":${rows.size},"next":${after}}`;
      sendJson(context, request, reply, text);
    },
  );

  app.get<{ Params: ProductParams }>(
    '/v1/products/:product_id',
    { schema: productSchema },
    (request, reply) => {
      sendJson(context, request, reply, productText(context, request.params.product_id));
    },
  );

  app.get<{ Params: ProductParams; Querystring: Span }>(
    '/v1/products/:product_id/history',
    { schema: historySchema },
    async (request, reply) => {
      const text = await historyText(context, request.params.product_id, request.query);
      sendJson(context, request, reply, text);
    },
  );
}

function productText(context: Context, product: string): string {
  return twoWindows(context, product, v1Text, `"product_id":${JSON.stringify(product)},`);
}

async function historyText(context: Context, product: string, span: Span): Promise<string> {
  const { reader, limits, clock } = context.parts;
  const { rows } = context.results;
  const slot = rows.slotOf(product);
  const latest = slot === undefined ? null : rows.countsAt(slot, 'latest');
  const endMs = latest === null ? clock.wallMs() : latest.start + rows.windowMs;
  const toMs = timeOf('to', span.to) ?? endMs;
  const fromMs = timeOf('from', span.from) ?? toMs - limits.historyMs;
  if (fromMs > toMs)
    throw new ClickrateError('bad_request', 'query parameter from must not be after to');
  const windows = await reader.history(product, fromMs, toMs);
  // A product that has left latest may still have a past; one that has neither is unknown.
  if (slot === undefined && windows.length === 0)
    throw new ClickrateError('not_found', `no result of product ${JSON.stringify(product)}`);
  const quoted = JSON.stringify(product);
  const texts = windows.map((counts) =>
    v1Text(quoted, counts, spanText(counts.start, rows.windowMs)),
  );
  return `{"product_id":${quoted},"from":${fromMs},"to":${toMs},"windows":[${texts.join(',')}]}`;
}
