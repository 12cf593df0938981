/** What the operations about products, time and uncounted events take and answer. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';
import { SORTS } from './order.ts';
import { limit, productParams, query } from './queries.ts';
import { answers, jsonAnswer, textAnswer } from './responses.ts';
import { Counted } from './schema.ts';
import { count, listOf, nullable, timeMs } from './schema-words.ts';

const Difference = Type.Object({
  difference: Type.Number({ description: 'Rate of the latest window less that of the one before' }),
  p_value: Type.Number({ description: 'As in the row' }),
  significant: Type.Boolean({
    description: 'By Benjamini and Hochberg at 5 % over the rows of this answer',
  }),
});

export const productsSchema = {
  operationId: 'listProducts',
  summary: 'All products, page by page',
  tags: ['v1'],
  querystring: query({
    sort: Type.Optional(
      listOf(SORTS, {
        default: 'product_id',
        description: "By the latest window; '-' for descending; no rate is below every rate",
      }),
    ),
    cursor: Type.Optional(Type.String({ description: '`next` of the page before' })),
    limit: limit(100),
  }),
  response: answers(
    jsonAnswer(
      Type.Object({
        products: Type.Array(
          Type.Intersect([Type.Ref('Product#'), Type.Object({ change: nullable(Difference) })]),
        ),
        total: count('Products on all pages'),
        next: nullable(Type.String({ description: 'Cursor of the next page' })),
        freshness: Type.Ref('Freshness#'),
      }),
    ),
    [503],
  ),
};

export const productSchema = {
  operationId: 'getProduct',
  summary: 'A product',
  tags: ['v1'],
  params: productParams,
  response: answers(
    jsonAnswer(
      Type.Intersect([
        Type.Ref('Product#'),
        Type.Object({
          freshness: Type.Ref('Freshness#'),
          open: nullable(Type.Ref('OpenProduct#')),
        }),
      ]),
    ),
    [404, 503],
  ),
};

export const ledgerSchema = {
  operationId: 'getLedger',
  summary: 'What became of every event, by task and in total',
  description: 'As of the last commit of each task.',
  tags: ['v1'],
  response: answers(
    jsonAnswer(
      Type.Object({
        total: Type.Object(Counted),
        events_per_second: Type.Number({ minimum: 0, description: 'Received, over 5 seconds' }),
        tasks: Type.Array(
          Type.Object({
            task: Type.String(),
            ...Counted,
            since: Type.Record(Type.String(), Type.Integer(), {
              description: 'Offset the counts begin at, by topic partition',
            }),
          }),
        ),
      }),
      { etag: true },
    ),
    [503],
  ),
};

export const watermarkSchema = {
  operationId: 'getWatermark',
  summary: 'Why is it not closed? Time in every task, and what holds it back',
  tags: ['v1'],
  response: answers(
    jsonAnswer(
      Type.Object({
        now: timeMs('The clock of this server'),
        why: nullable(Type.String({ description: 'The first sentence of the tasks' })),
        tasks: Type.Array(Type.Ref('TaskTime#')),
      }),
    ),
    [],
  ),
};

export const openSchema = {
  operationId: 'getOpen',
  summary: 'Counts of the windows that are not closed yet',
  tags: ['v1'],
  response: answers(jsonAnswer(Type.Ref('Open#')), []),
};

export const streamSchema = {
  operationId: 'followStream',
  summary: 'Everything live, as server-sent events',
  description:
    'First `snapshot` (all rows), then `change` as it is published: `{number, rows, removed, ' +
    'freshness}`. Ids are `<incarnation>-<number>`; numbers are consecutive, except that a slow ' +
    'reader gets one change in the place of many, with the number of the last. `Last-Event-ID` ' +
    'goes on exactly there, or answers one `reset`: a snapshot that replaces everything. ' +
    '`open` and `status` come without id, at most each second. A comment ' +
    `each ${LIMITS.heartbeatMs / 1_000} seconds.`,
  tags: ['v1'],
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ description: 'Id of the last event received' })),
  }),
  querystring: query({
    product: Type.Optional(
      Type.Union([Type.Array(Type.String()), Type.String()], {
        description: `Only these products, up to ${LIMITS.streamProducts}; repeat the parameter`,
      }),
    ),
  }),
  response: answers(textAnswer('text/event-stream', 'Until the client leaves'), [503]),
};
