/** What each operation takes and answers; queries are checked by it, the rest is for readers. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';
import { productParams, query } from './queries.ts';
import { answers, jsonAnswer, textAnswer } from './responses.ts';
import { TwoWindows, unusableMembers } from './schema.ts';
import { count, listOf, timeMs } from './schema-words.ts';

const byProduct = Type.Record(Type.String(), Type.Ref('Result#'), {
  description: 'Results by product id',
});

export const latestSchema = {
  operationId: 'getLatest',
  summary: 'The latest window of every product',
  tags: ['original'],
  response: answers(jsonAnswer(byProduct, { etag: true }), [503]),
};

export const previousSchema = {
  ...latestSchema,
  operationId: 'getPrevious',
  summary: 'The window before it, of every product',
};

export const productCtrSchema = {
  operationId: 'getProductCtr',
  summary: 'Both windows of a product',
  tags: ['original'],
  params: productParams,
  response: answers(jsonAnswer(Type.Object(TwoWindows), { etag: true }), [404, 503]),
};

export const rootSchema = {
  operationId: 'getRoot',
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

const Event = Type.Object(
  {
    product_id: Type.Union([Type.String(), Type.Integer()]),
    timestamp: timeMs('When it happened'),
    event_type: listOf(['impression', 'click']),
    event_id: Type.Optional(
      Type.Unknown({
        description: 'A string: another event with the same is a duplicate. Else there is none',
      }),
    ),
  },
  { description: 'An event; further fields are ignored' },
);
const someEvents = Type.Array(Type.Unknown(), {
  description: 'Events; what among them is none is listed in the answer',
});
const anEvent = { product_id: 'product_1', timestamp: 1_760_000_000_000, event_type: 'impression' };
const aLine = JSON.stringify(anEvent);
const textMedia = (description: string, example: string) => ({
  schema: Type.String({ description, examples: [example] }),
});

const MOST = `At most ${LIMITS.bodyBytes} bytes, unpacked, and ${LIMITS.bodyEvents} events.`;

export const eventsSchema = {
  operationId: 'sendEvents',
  summary: 'Take events',
  description:
    'Answers after the events are on disk. One JSON object, an array of them, or one a line. ' +
    `May be compressed with gzip. \`text/plain\` is for \`navigator.sendBeacon\`. ${MOST}`,
  tags: ['v1'],
  body: {
    content: {
      // What makes the document drops examples that stand beside the schema.
      'application/json': {
        schema: Type.Union([Event, someEvents], { examples: [[anEvent]] }),
      },
      'application/x-ndjson': textMedia('An event a line', `${aLine}\n${aLine}`),
      'text/plain': textMedia('As application/json, or an event a line', aLine),
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
  operationId: 'getLiveness',
  summary: 'Whether the process answers',
  tags: ['operations'],
  security: [],
  response: answers(jsonAnswer(Type.Object({ status: Type.Literal('ok') })), [], true),
};

export const readyzSchema = {
  operationId: 'getReadiness',
  summary: 'Whether events are counted and results are current, and why not',
  tags: ['operations'],
  security: [],
  querystring: query({
    verbose: Type.Optional(
      Type.String({ description: 'Anything but `false` and `0` adds positions and watermarks' }),
    ),
  }),
  response: answers(jsonAnswer(Type.Ref('Health#')), [503], true),
};

export const metricsSchema = {
  operationId: 'getMetrics',
  summary: 'Metrics in the Prometheus text format',
  tags: ['operations'],
  response: answers(textAnswer('text/plain', 'Text format 0.0.4'), []),
};

export const openapiSchema = {
  operationId: 'getOpenapi',
  summary: 'This document',
  tags: ['operations'],
  response: answers(
    jsonAnswer(Type.Object({}, { additionalProperties: true }), { etag: true }),
    [],
  ),
};
