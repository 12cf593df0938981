/** What each operation takes and answers; queries are checked by it, the rest is for readers. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';
import { REASONS } from '../event.ts';
import { SORTS } from './order.ts';
import { answers, jsonAnswer, textAnswer } from './responses.ts';
import {
  Counted,
  count,
  Kept,
  nullable,
  PRODUCT_ID,
  TwoWindows,
  timeMs,
  unusableMembers,
} from './schema.ts';

const productParams = Type.Object({
  product_id: Type.String({ description: 'The product, percent-encoded' }),
});
const time = (description: string) =>
  Type.Optional(
    Type.String({ description: `${description}: epoch milliseconds or ISO 8601`, maxLength: 64 }),
  );
const limit = (standard: number) =>
  Type.Integer({ minimum: 1, maximum: LIMITS.pageRows, default: standard });
const query = (properties: Parameters<typeof Type.Object>[0]) =>
  Type.Object(properties, { additionalProperties: false });

const byProduct = Type.Record(Type.String(), Type.Ref('Result#'), {
  description: 'Results by product id',
});

export const latestSchema = {
  summary: 'The latest window of every product',
  tags: ['original'],
  response: answers(jsonAnswer(byProduct, { etag: true }), [503]),
};

export const previousSchema = {
  ...latestSchema,
  summary: 'The window before it, of every product',
};

export const productCtrSchema = {
  summary: 'Both windows of a product',
  tags: ['original'],
  params: productParams,
  response: answers(jsonAnswer(Type.Object(TwoWindows), { etag: true }), [404, 503]),
};

export const rootSchema = {
  summary: 'What this is and where to go on; a browser gets a page',
  tags: ['original'],
  response: answers(
    jsonAnswer(
      Type.Object({
        name: Type.String({ examples: ['clickrate'] }),
        version: Type.String({ examples: ['0.1.0'] }),
        status: Type.String({ examples: ['running'] }),
        links: Type.Record(Type.String(), Type.String()),
      }),
      { html: true },
    ),
    [],
  ),
};

export const productsSchema = {
  summary: 'All products, page by page',
  tags: ['v1'],
  querystring: query({
    sort: Type.Unsafe<string>({
      type: 'string',
      enum: SORTS,
      default: 'product_id',
      description: "By the latest window; '-' for descending; no rate is below every rate",
    }),
    cursor: Type.Optional(
      Type.String({ description: '`next` of the page before', maxLength: 4_096 }),
    ),
    limit: limit(100),
  }),
  response: answers(
    jsonAnswer(
      Type.Object({
        products: Type.Array(Type.Ref('Product#')),
        total: count('Products on all pages'),
        next: nullable(Type.String({ description: 'Cursor of the next page' })),
      }),
      { etag: true },
    ),
    [503],
  ),
};

export const productSchema = {
  summary: 'A product',
  tags: ['v1'],
  params: productParams,
  response: answers(jsonAnswer(Type.Ref('Product#'), { etag: true }), [404, 503]),
};

export const historySchema = {
  summary: "A product's windows in a span of time, oldest first",
  tags: ['v1'],
  params: productParams,
  querystring: query({
    from: time('Windows that start at or after it; default: an hour before `to`'),
    to: time('Windows that start before it; default: the end of the latest window'),
  }),
  response: answers(
    jsonAnswer(
      Type.Object({
        product_id: PRODUCT_ID,
        from: timeMs('Windows that start at or after it'),
        to: timeMs('Windows that start before it'),
        windows: Type.Array(Type.Ref('ResultV1#')),
      }),
      { etag: true },
    ),
    [404, 503],
  ),
};

export const ledgerSchema = {
  summary: 'What became of every event, by task and in total',
  description: 'As of the last commit of each task.',
  tags: ['v1'],
  response: answers(
    jsonAnswer(
      Type.Object({
        total: Type.Object(Counted),
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

export const rejectedSchema = {
  summary: 'Events that were not counted, newest first, with their original bytes',
  tags: ['v1'],
  querystring: query({
    reason: Type.Optional(
      Type.Unsafe<string>({ type: 'string', enum: REASONS, description: 'Only these' }),
    ),
    before: Type.Optional(Type.Integer({ minimum: 0, description: '`next` of the page before' })),
    limit: limit(100),
  }),
  response: answers(
    jsonAnswer(
      Type.Object({
        rejected: Type.Array(Kept),
        next: nullable(Type.Integer({ description: '`before` of the next page' })),
        totals: Type.Object({
          events: count('Events kept'),
          bytes: count('Their bytes'),
          pruned: count('Events no longer kept (7 days or 1 GB)'),
        }),
      }),
      { etag: true },
    ),
    [503],
  ),
};

const anEvent = '{"product_id":"product_1","timestamp":1760000000000,"event_type":"impression"}';
const eventMedia = (description: string, example: string) => ({
  schema: Type.String({ description }),
  examples: { events: { value: example } },
});

export const eventsSchema = {
  summary: 'Take events',
  description:
    'Answers after the events are on disk. One JSON object, an array of them, or one a line. ' +
    'May be compressed with gzip. `text/plain` is for `navigator.sendBeacon`.',
  tags: ['v1'],
  body: {
    content: {
      'application/json': eventMedia('An event, or an array of events', `[${anEvent}]`),
      'application/x-ndjson': eventMedia('An event a line', `${anEvent}\n${anEvent}`),
      'text/plain': eventMedia('As application/json, or an event a line', anEvent),
    },
  },
  response: answers(
    jsonAnswer(Type.Object({ accepted: count('Usable events taken'), ...unusableMembers }), {
      status: 202,
      description: 'On disk, and counted next; unusable items are kept with their reason',
    }),
    [413, 415, 429, 503],
  ),
};

export const livezSchema = {
  summary: 'Whether the process answers',
  tags: ['operations'],
  response: answers(jsonAnswer(Type.Object({ status: Type.Literal('ok') })), []),
};

export const readyzSchema = {
  summary: 'Whether events are counted and results are current, and why not',
  tags: ['operations'],
  querystring: query({
    verbose: Type.Optional(
      Type.String({ description: 'Anything but `false` and `0` adds positions and watermarks' }),
    ),
  }),
  response: answers(jsonAnswer(Type.Ref('Health#')), [503]),
};

export const metricsSchema = {
  summary: 'Metrics in the Prometheus text format',
  tags: ['operations'],
  response: answers(textAnswer('text/plain', 'Text format 0.0.4'), []),
};

export const openapiSchema = {
  summary: 'This document',
  tags: ['operations'],
  response: answers(
    jsonAnswer(Type.Object({}, { additionalProperties: true }), { etag: true }),
    [],
  ),
};
