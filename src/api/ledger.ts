/** `/v1/ledger` and `/v1/rejected`: what became of every event, and those that were not counted. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { type Reason, VERDICTS, type Verdict } from '../event.ts';
import type { Ledger } from '../status.ts';
import type { StoredEvent } from '../stores/store.ts';
import { sendJson } from './answer.ts';
import { ledgerSchema, rejectedSchema } from './operations.ts';
import type { Context } from './parts.ts';

type RejectedQuery = { reason?: Reason; before?: number; limit: number };

export async function ledgerRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { reader, limits } = context.parts;

  app.get('/v1/ledger', { schema: ledgerSchema }, async (request, reply) => {
    const statuses = await reader.statuses();
    const ledgers = [...statuses].map(([task, { ledger }]) => ({ task, ledger }));
    const body = {
      total: counted(totalOf(ledgers.map(({ ledger }) => ledger))),
      tasks: ledgers.map(({ task, ledger }) => ({
        task,
        ...counted(ledger),
        since: ledger.since,
      })),
    };
    sendJson(context, request, reply, JSON.stringify(body));
  });

  app.get<{ Querystring: RejectedQuery }>(
    '/v1/rejected',
    { schema: rejectedSchema },
    async (request, reply) => {
      const { limit } = request.query;
      // One more than asked for tells whether there is another page.
      const found = await reader.rejected({ ...request.query, limit: limit + 1 });
      const shown = fitting(found.slice(0, limit), limits.bodyBytes);
      const body = {
        rejected: shown.map(keptBody),
        next: shown.length < found.length ? shown.at(-1)!.id : null,
        totals: await reader.keptTotals(),
      };
      sendJson(context, request, reply, JSON.stringify(body));
    },
  );
}

/** The first of `events` whose bytes fit one answer; at least one. */
function fitting(events: StoredEvent[], limitBytes: number): StoredEvent[] {
  let bytes = 0;
  const end = events.findIndex((event, i) => {
    bytes += event.bytes.length;
    return bytes > limitBytes && i > 0;
  });
  return end === -1 ? events : events.slice(0, end);
}

function keptBody(event: StoredEvent) {
  const { id, task, partition, offset, reason, message, arrivalMs } = event;
  const bytes = Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.byteLength);
  const text = isUtf8(bytes) ? { text: bytes.toString() } : {};
  const base64 = bytes.toString('base64');
  return {
    ...{ id, task, partition, offset, reason, message, arrival: arrivalMs },
    ...{ bytes: base64, ...text },
  };
}

type Counted = Pick<Ledger, 'received' | 'verdicts' | 'missed'>;

function counted({ received, verdicts, missed }: Counted) {
  const sum = Object.values(verdicts).reduce((total, count) => total + count, 0);
  return { received, verdicts, missed, balanced: received === sum };
}

function totalOf(ledgers: readonly Ledger[]): Counted {
  const sum = (of: (ledger: Ledger) => number) =>
    ledgers.reduce((total, ledger) => total + of(ledger), 0);
  const verdicts = Object.fromEntries(
    VERDICTS.map((verdict) => [verdict, sum((ledger) => ledger.verdicts[verdict])]),
  ) as Record<Verdict, number>;
  return { received: sum(({ received }) => received), verdicts, missed: sum((l) => l.missed) };
}
