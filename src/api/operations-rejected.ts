/** What the operations about events that were not counted take and answer. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';
import { REASONS } from '../event.ts';
import { keptId, limit, query, time } from './queries.ts';
import { answers, jsonAnswer } from './responses.ts';
import { Kept, unusableMembers } from './schema.ts';
import { count, listOf, nullable } from './schema-words.ts';

const KEPT_FOR =
  `${LIMITS.keptMs / 86_400_000} days or ${LIMITS.keptTotalBytes / 2 ** 30} GB; ` +
  `in Redis ${LIMITS.keptRedisBytes / 2 ** 20} MiB`;

const params = Type.Object({ id: keptId('As `/v1/rejected` tells it') });

export const rejectedSchema = {
  operationId: 'listRejected',
  summary: 'Events that were not counted, newest first, with their original bytes',
  tags: ['v1'],
  querystring: query({
    reason: Type.Optional(listOf(REASONS, { description: 'Only these' })),
    from: time('Arrived at or after it'),
    to: time('Arrived before it'),
    before: Type.Optional(keptId('`next` of the page before')),
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
          pruned: count(`Events no longer kept (${KEPT_FOR})`),
        }),
      }),
      { etag: true },
    ),
    [503],
  ),
};

export const rejectedOneSchema = {
  operationId: 'getRejected',
  summary: 'One event that was not counted',
  tags: ['v1'],
  params,
  response: answers(jsonAnswer(Kept, { etag: true }), [404, 503]),
};

export const replaySchema = {
  operationId: 'replayRejected',
  summary: 'Take an event again that was not counted, after a fix',
  description: 'Judged as a new event with a new arrival; the kept one stays.',
  tags: ['v1'],
  params,
  response: answers(
    jsonAnswer(Type.Object({ accepted: count('Usable events taken'), ...unusableMembers }), {
      status: 202,
      description: 'Durable, and counted next',
    }),
    [404, 413, 415, 429, 503],
  ),
};
