/** `/v1/ledger`: what became of every event. */
import type { FastifyInstance } from 'fastify';
import { VERDICTS, type Verdict } from '../event.ts';
import type { Ledger } from '../status.ts';
import { sendJson } from './answer.ts';
import { ledgerSchema } from './operations-live.ts';
import type { Context } from './parts.ts';

export async function ledgerRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { reader } = context.parts;

  app.get('/v1/ledger', { schema: ledgerSchema }, async (request, reply) => {
    const statuses = await reader.statuses();
    const ledgers = [...statuses].map(([task, { ledger }]) => ({ task, ledger }));
    const body = {
      total: counted(totalOf(ledgers.map(({ ledger }) => ledger))),
      events_per_second: context.watch.eventsPerSecond,
      tasks: ledgers.map(({ task, ledger }) => ({
        task,
        ...counted(ledger),
        since: ledger.since,
      })),
    };
    sendJson(context, request, reply, JSON.stringify(body));
  });
}

type Counted = Pick<Ledger, 'received' | 'verdicts' | 'missed'>;

/** A ledger as it goes out, with whether it adds up. */
export function counted({ received, verdicts, missed }: Counted) {
  const sum = Object.values(verdicts).reduce((total, count) => total + count, 0);
  return { received, verdicts, missed, balanced: received === sum };
}

/** The sum of ledgers. */
export function totalOf(ledgers: readonly Ledger[]): Counted {
  const sum = (of: (ledger: Ledger) => number) =>
    ledgers.reduce((total, ledger) => total + of(ledger), 0);
  const verdicts = Object.fromEntries(
    VERDICTS.map((verdict) => [verdict, sum((ledger) => ledger.verdicts[verdict])]),
  ) as Record<Verdict, number>;
  return { received: sum(({ received }) => received), verdicts, missed: sum((l) => l.missed) };
}
