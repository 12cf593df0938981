/** Products under /v1: pages in any order, one product, its history. */
import type { FastifyInstance } from 'fastify';
import { ClickrateError } from '../errors.ts';
import { sendFresh, sendJson } from './answer.ts';
import { freshnessText } from './freshness.ts';
import { changeText, liveText, type Pair, pairAt, pairOf, pOf, rowText } from './live.ts';
import { historySchema } from './operations.ts';
import { productSchema, productsSchema } from './operations-live.ts';
import { Orders } from './order.ts';
import type { ProductParams } from './original.ts';
import { type Context, yardstickOf } from './parts.ts';
import { benjaminiHochberg } from './statistics.ts';
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
      const list = shownTexts(
        context,
        slots.map((slot) => pairAt(rows, slot)),
      );
      const after = JSON.stringify(next);
      const text =
        `{"products":[${list}],"total":${rows.size},"next":${after},` +
        `"freshness":${freshnessText(context)}}`;
      sendFresh(context, request, reply, text);
    },
  );

  app.get<{ Params: ProductParams }>(
    '/v1/products/:product_id',
    { schema: productSchema },
    (request, reply) => {
      const { product_id: product } = request.params;
      const { rows } = results;
      const pair = pairOf(rows, product);
      const more =
        `,"freshness":${freshnessText(context)},` + `"open":${context.open.productText(product)}`;
      const text = rowText(pair, rows.windowMs, yardstickOf(context), pOf(pair), more);
      sendFresh(context, request, reply, text);
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

/** Rows that are shown together: which changed is judged over all of them. */
function shownTexts(context: Context, pairs: readonly Pair[]): string {
  const yardstick = yardstickOf(context);
  const { windowMs } = context.results.rows;
  const pValues = pairs.map(pOf);
  const significant = benjaminiHochberg(pValues);
  const texts = pairs.map((pair, i) => {
    const change = `,"change":${changeText(pair, pValues[i], significant[i])}`;
    return rowText(pair, windowMs, yardstick, pValues[i], change);
  });
  return texts.join(',');
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
  const yardstick = yardstickOf(context);
  const texts = windows.map((counts) => liveText(quoted, counts, rows.windowMs, yardstick));
  return `{"product_id":${quoted},"from":${fromMs},"to":${toMs},"windows":[${texts.join(',')}]}`;
}
