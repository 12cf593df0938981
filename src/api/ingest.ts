/** `POST /v1/events`: splits a body into records, judges them, and makes them durable. */
import type { FastifyInstance } from 'fastify';
import type { RecordSlices, Unusable } from '../event.ts';
import { markOf } from '../text-bytes.ts';
import { JSON_TYPE, send } from './answer.ts';
import { decoded } from './encoding.ts';
import type { ApiParts } from './handed.ts';
import { eventsSchema } from './operations.ts';
import type { Context } from './parts.ts';
import { ProblemError } from './problem-error.ts';
import { opensArray, splitArray, splitLines, wholeBody } from './split.ts';
import { UnderWay } from './under-way.ts';

const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];
const TYPES = ['application/json', 'text/plain', ...NDJSON_TYPES];

type Judge = NonNullable<ApiParts['judge']>;
type Judged = { records: RecordSlices; unusable: Unusable[] };

/** The records of a body, at most `most`, each judged. */
function judged(body: Buffer, type: string, judge: Judge, most: number): Judged {
  const read = (records: RecordSlices) => ({ records, unusable: judge(records) });
  if (NDJSON_TYPES.includes(type)) return read(splitLines(body, most));
  if (opensArray(body)) return read(splitArray(body, most));
  const whole = read(wholeBody(body));
  // A page that leaves can only send text/plain, so lines are recognised when one value is not.
  // Many lines are also longer than an event may be, which is found before they are read.
  const reason = whole.unusable[0]?.reason;
  if (reason !== 'not_json' && reason !== 'too_large') return whole;
  const lines = splitLines(body, most);
  if (lines.count < 2) return whole;
  const asLines = read(lines);
  return asLines.unusable.length < lines.count || reason === 'not_json' ? asLines : whole;
}

function nothingUsable(unusable: Unusable[], listed: number): ProblemError {
  const detail =
    unusable.length === 0
      ? 'the body holds no event'
      : `none of ${unusable.length} items is usable; the first: ${unusable[0]!.message}`;
  const members = { unusable: unusable.slice(0, listed), unusable_total: unusable.length };
  return new ProblemError('nothing_usable', detail, members);
}

/** Bodies stay bytes; media types other than these are refused before a byte is read. */
function takeBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(TYPES, { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
}

export async function eventRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { judge, push, limits } = context.parts;
  if (judge === undefined || push === undefined) return;
  takeBytes(app);
  const underWay = new UnderWay(limits.bodiesBytes);
  app.post(
    '/v1/events',
    // The schema is for readers: the body is judged event by event, not by it.
    {
      schema: eventsSchema,
      validatorCompiler: () => () => true,
      preParsing: (request, reply, payload, done) => {
        underWay.watch(request, reply, payload);
        done(null, payload);
      },
    },
    (request, reply) =>
      underWay.during(request, async (hold) => {
        const sent = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
        const encoding = request.headers['content-encoding'];
        const whole = await decoded(sent, encoding, limits.bodyBytes, hold);
        const body = whole.subarray(markOf(whole));
        const type = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
        const { records, unusable } = judged(body, type, judge, limits.bodyEvents);
        if (unusable.length === records.count) throw nothingUsable(unusable, limits.listedItems);
        await push(records);
        const answer = {
          accepted: records.count - unusable.length,
          unusable: unusable.slice(0, limits.listedItems),
          unusable_total: unusable.length,
        };
        const headers = ['content-type', JSON_TYPE, 'cache-control', 'no-store'];
        send(context, request, reply, 202, headers, JSON.stringify(answer));
      }),
  );
}
