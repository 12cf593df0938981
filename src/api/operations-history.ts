/** What the operations of history take and answer. */
import { Type } from 'typebox';
import { productParams, query, time } from './queries.ts';
import { answers, jsonAnswer } from './responses.ts';
import { PRODUCT_ID, ResultV1 } from './schema.ts';
import { count, listOf, nullable, timeMs } from './schema-words.ts';
import { STEPS } from './steps.ts';

/** Products of one total. */
const MOST_PRODUCTS = 100;

const STEP =
  'Length of the periods; coarser ones reach further back (docs/history.md). The ratio is taken ' +
  'of the sums';
const span = {
  from: time('Periods from the one that holds it on; default: an hour before `to`'),
  to: time('Periods that start before it; default: the end of the latest window'),
  step: Type.Optional(listOf(STEPS, { default: 'window', description: STEP })),
  tz: Type.Optional(
    Type.String({
      description: 'Time zone of days and hours (IANA name); default: the store’s',
      examples: ['Europe/Berlin'],
      maxLength: 64,
    }),
  ),
  format: Type.Optional(
    listOf(['json', 'csv', 'ndjson'], {
      description: 'Instead of an Accept header: text/csv, application/x-ndjson',
    }),
  ),
};
const told = {
  step: listOf(STEPS),
  from: timeMs('Start of the first period that was asked for'),
  to: timeMs('End of the last one'),
  freshness: Type.Ref('Freshness#'),
};

const period = Type.Object({
  ...ResultV1.properties,
  complete: Type.Boolean({
    description:
      'Nothing of the period is missing, nor will come: it is final, and later than the oldest ' +
      'period of its levels, of which a part may be in a coarser one, or was before counting began',
  }),
});

function exported(schema: object) {
  const success = jsonAnswer(schema);
  const text = { schema: Type.String() };
  success.answer.content = {
    ...success.answer.content,
    'text/csv': text,
    'application/x-ndjson': text,
  };
  return success;
}

export const historySchema = {
  operationId: 'getProductHistory',
  summary: "A product's history, oldest first; periods without an event are left out",
  tags: ['v1'],
  params: productParams,
  querystring: query(span),
  response: answers(
    exported(
      Type.Object({
        product_id: PRODUCT_ID,
        ...told,
        windows: Type.Array(period),
      }),
    ),
    [404, 503],
  ),
};

export const totalsSchema = {
  operationId: 'getHistory',
  summary: 'Products together over time, oldest first: sums, and the ratio of the sums',
  tags: ['v1'],
  querystring: query({
    ...span,
    product: Type.Optional(
      // Where neither fits, what is wrong with the first is told.
      Type.Union([Type.Array(Type.String(), { maxItems: MOST_PRODUCTS }), Type.String()], {
        description: 'A product; may be given several times. None: all products',
      }),
    ),
  }),
  response: answers(
    exported(Type.Object({ ...told, windows: Type.Array(Type.Omit(period, ['product_id'])) })),
    [503],
  ),
};

export const keptSchema = {
  operationId: 'getHistoryKept',
  summary: 'What is kept of history: every window is in one of these levels',
  tags: ['v1'],
  response: answers(
    jsonAnswer(
      Type.Object({
        levels: Type.Array(
          Type.Object({
            level: listOf(['window', '1m', '15m', '1d']),
            tz: nullable(Type.String({ description: 'Time zone of a level of days' })),
            from: nullable(timeMs('Start of its oldest period')),
            cells: count('Periods of products, at most'),
          }),
        ),
        cells: count('Of all levels'),
        limit: count('With more the finest level gives way first, its oldest periods first'),
        skipped: count('Cells that came when their window had been folded'),
      }),
    ),
    [503],
  ),
};
