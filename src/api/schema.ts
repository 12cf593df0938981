/** The shapes of what goes out, for the OpenAPI document. */
import { Type } from 'typebox';
import { OPTIONS } from '../config.ts';
import { ERRORS } from '../errors.ts';
import { REASONS, VERDICTS } from '../event.ts';
import { Freshness, Open, OpenProduct, TaskTime } from './schema-live.ts';
import { count, listOf, nullable, timeMs } from './schema-words.ts';

export const PRODUCT_ID = Type.String({ description: 'The product', examples: ['product_1'] });
const window = {
  impressions: count('Impressions in the window'),
  clicks: count('Clicks in the window, by their own time'),
  window_start: timeMs('First millisecond of the window'),
  window_end: timeMs('First millisecond after the window'),
};

export const Result = Type.Object(
  {
    product_id: PRODUCT_ID,
    ctr: Type.Number({
      minimum: 0,
      description: 'Clicks / impressions, 4 decimals; 0 without impressions; may exceed 1',
      examples: [0.7981],
    }),
    ...window,
  },
  { $id: 'Result', description: 'Counts of a product in a window, in the original form' },
);

const end = (which: string) =>
  Type.Number({
    minimum: 0,
    maximum: 1,
    description: `${which} end of Wilson's 95 % interval; null where there is no binomial rate`,
  });

export const ResultV1 = Type.Object(
  {
    product_id: PRODUCT_ID,
    ctr: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description: 'Clicks / impressions, 4 decimals; null without impressions; may exceed 1',
      examples: [0.7981],
    }),
    ...window,
    clicks_exceed_impressions: Type.Boolean({
      description: 'More clicks than impressions: a click is counted by its own time',
    }),
    ctr_low: nullable(end('Lower')),
    ctr_high: nullable(end('Upper')),
    few: Type.Boolean({
      description: `Fewer impressions than the minimum sample (default ${OPTIONS.minSample})`,
    }),
    status: listOf(['provisional', 'final']),
  },
  { $id: 'ResultV1', description: 'Counts of a product in a window' },
);

const ProblemBody = Type.Object(
  {
    type: Type.String({ examples: ['urn:clickrate:error:not_found'] }),
    title: Type.String({ examples: [ERRORS.not_found.title] }),
    status: Type.Integer({ examples: [404] }),
    detail: Type.String({ description: 'What is wrong, and what to do' }),
    code: listOf(Object.keys(ERRORS)),
    instance: Type.Optional(Type.String({ description: 'Path of the request' })),
  },
  { $id: 'Problem', description: 'Problem details (RFC 9457)', additionalProperties: true },
);

const UnusableItem = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: 'Place of the item in the body' }),
    reason: listOf(REASONS),
    message: Type.String(),
  },
  { $id: 'Unusable', description: 'An item of a body that cannot be counted, and why' },
);

export const unusableMembers = {
  unusable: Type.Array(Type.Ref('Unusable#'), { description: 'The first unusable items' }),
  unusable_total: count('All unusable items'),
};

export const TwoWindows = {
  latest: nullable(Type.Ref('Result#')),
  previous: nullable(Type.Ref('Result#')),
};
export const Product = Type.Object(
  {
    product_id: PRODUCT_ID,
    latest: nullable(Type.Ref('ResultV1#')),
    previous: nullable(Type.Ref('ResultV1#')),
    p_value: nullable(
      Type.Number({ description: 'Two-sided z-test of two proportions: the rate is the same' }),
    ),
  },
  { $id: 'Product', description: "A product's two newest windows with events" },
);

export const Counted = {
  received: count('Events received: the sum of all verdicts'),
  verdicts: Type.Object(Object.fromEntries(VERDICTS.map((v) => [v, count(`Events ${v}`)]))),
  missed: count('Offsets that were gone before they could be read'),
  balanced: Type.Boolean({ description: 'Whether received is the sum of all verdicts' }),
};

export const Kept = Type.Object({
  id: Type.Integer({ description: 'Falls from page to page' }),
  task: Type.String(),
  partition: Type.String({ description: 'Topic partition it came from' }),
  offset: Type.Integer({ description: 'Offset it came from' }),
  reason: listOf(REASONS),
  message: Type.String(),
  arrival: timeMs('When it arrived'),
  bytes: Type.String({ description: 'The original bytes, base64', contentEncoding: 'base64' }),
  text: Type.Optional(Type.String({ description: 'The same as text, when it is valid UTF-8' })),
});

export const Health = Type.Object(
  {
    ready: Type.Boolean(),
    reasons: Type.Array(Type.String(), { description: 'Why not ready, or what needs attention' }),
    tasks: Type.Array(Type.Object({}, { additionalProperties: true })),
  },
  { $id: 'Health' },
);

/** Schemas that others refer to. */
export const SHARED_SCHEMAS = [
  Result,
  ResultV1,
  ProblemBody,
  UnusableItem,
  Product,
  Health,
  Freshness,
  TaskTime,
  Open,
  OpenProduct,
];
