/** Products under /v1: pages in any order, and one product. */
import type { FastifyInstance } from 'fastify';
import { sendFresh } from './answer.ts';
import { freshnessText } from './freshness.ts';
import { addRow, changeText, type Pair, pairAt, pairOf, pOf, textOf } from './live.ts';
import { productSchema, productsSchema } from './operations-live.ts';
import { Orders } from './order.ts';
import type { ProductParams } from './original.ts';
import { type Context, yardstickOf } from './parts.ts';
import { benjaminiHochberg } from './statistics.ts';

type PageQuery = { sort: string; cursor?: string; limit: number };

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
      const yardstick = yardstickOf(context);
      const text = textOf((bytes) =>
        addRow(bytes, pair, rows.windowMs, yardstick, pOf(pair), more),
      );
      sendFresh(context, request, reply, text);
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
    return textOf((bytes) => addRow(bytes, pair, windowMs, yardstick, pValues[i], change));
  });
  return texts.join(',');
}
