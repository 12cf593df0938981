/** History under /v1: a product's periods, totals of any products, what is kept; exports. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { OPTIONS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { zoneOf } from '../history.ts';
import type { Counts } from '../result.ts';
import type { LevelHeld } from '../stores/store.ts';
import { preferred } from './accept.ts';
import { sendFresh } from './answer.ts';
import { csvText, type Told } from './export.ts';
import { freshnessText } from './freshness.ts';
import { addLive, headOf, noResult, textOf } from './live.ts';
import { historySchema, keptSchema, totalsSchema } from './operations-history.ts';
import type { ProductParams } from './original.ts';
import { type Context, yardstickOf } from './parts.ts';
import { Step, type StepName } from './steps.ts';
import { mustBeInOrder, timeOf } from './time.ts';

type Format = 'json' | 'csv' | 'ndjson';
type Span = { from?: string; to?: string; step: StepName; tz?: string; format?: Format };
type Asked = { step: Step; fromMs: number; toMs: number };

/** By what a client accepts; of equals the first. */
const FORMATS: Readonly<Record<string, Format>> = {
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/json': 'json',
};

/** What is told when no beginning is asked for. */
const USUAL_MS = 3_600_000;

export async function historyRoutes(app: FastifyInstance, context: Context): Promise<void> {
  app.get<{ Params: ProductParams; Querystring: Span }>(
    '/v1/products/:product_id/history',
    { schema: historySchema },
    async (request, reply) => {
      const { product_id: product } = request.params;
      const { rows } = context.results;
      const slot = rows.slotOf(product);
      const latest = slot === undefined ? null : rows.countsAt(slot, 'latest');
      const end = latest === null ? null : latest.start + rows.windowMs;
      const asked = await askedOf(context, request.query, end);
      const newest = latest?.start ?? -Infinity;
      const periods = await periodsOf(context, asked, [product], newest);
      // A product that has left latest may still have a past; one that has neither is unknown.
      if (slot === undefined && periods.length === 0) throw noResult(product);
      sendPeriods(context, request, reply, { asked, periods, product });
    },
  );

  app.get<{ Querystring: Span & { product?: string | string[] } }>(
    '/v1/history',
    { schema: totalsSchema },
    async (request, reply) => {
      const { product } = request.query;
      const products = product === undefined ? null : [product].flat();
      const asked = await askedOf(context, request.query, newestEnd(context));
      const periods = await periodsOf(context, asked, products, -Infinity);
      sendPeriods(context, request, reply, { asked, periods, product: null });
    },
  );

  app.get('/v1/history/kept', { schema: keptSchema }, async (request, reply) => {
    const { reader, limits } = context.parts;
    const { levels, skipped } = await reader.historyHeld();
    const told = levels.map(({ level, oldest, cells }) => {
      const zone = zoneOf(level);
      return { level: zone === null ? level : '1d', tz: zone, from: oldest, cells };
    });
    const cells = levels.reduce((sum, held) => sum + held.cells, 0);
    const limit = limits.historyCells;
    sendFresh(context, request, reply, JSON.stringify({ levels: told, cells, limit, skipped }));
  });
}

/** The span asked for, in whole periods of its step. Throws `bad_request`. */
async function askedOf(context: Context, query: Span, endMs: number | null): Promise<Asked> {
  const { reader, clock } = context.parts;
  const from = timeOf('from', query.from);
  // Where nothing came since `from` there is nothing to tell, and nothing wrong with asking.
  const toMs = timeOf('to', query.to) ?? Math.max(endMs ?? clock.wallMs(), from ?? -Infinity);
  const fromMs = from ?? toMs - USUAL_MS;
  mustBeInOrder(fromMs, toMs);
  // Windows have no zone, and are told as they are.
  const levels = query.step === 'window' ? [] : (await reader.historyHeld()).levels;
  const zone = query.tz ?? usualZone(levels);
  const step = new Step(query.step, context.results.rows.windowMs, zone, levels);
  if (step.name === 'window') return { step, ...wholeIn(step, fromMs, toMs) };
  const oldest = levels.map((held) => held.oldest).filter((start) => start !== null);
  // Only where something can be: calendars end, and numbers go further.
  const first = Math.max(fromMs, Math.min(toMs, ...oldest));
  const last = Math.max(first, Math.min(toMs, newestEnd(context) ?? clock.wallMs()));
  return { step, ...wholeIn(step, first, last) };
}

/** From the start of the first period to the end of the last, as far as numbers are exact. */
function wholeIn(step: Step, fromMs: number, toMs: number): { fromMs: number; toMs: number } {
  const end = step.startOf(toMs) === toMs ? toMs : step.endOf(step.startOf(toMs));
  return {
    fromMs: Math.max(step.startOf(fromMs), Number.MIN_SAFE_INTEGER),
    toMs: Math.min(end, Number.MAX_SAFE_INTEGER),
  };
}

/** End of the newest window of all products. */
function newestEnd({ results }: Context): number | null {
  return results.newestStart === null ? null : results.newestStart + results.rows.windowMs;
}

/** Days are those of the store's zone, unless others are asked for. */
function usualZone(levels: readonly LevelHeld[]): string {
  return levels.map(({ level }) => zoneOf(level)).find((zone) => zone !== null) ?? OPTIONS.timeZone;
}

/** `newest`: start of the newest window of the product; −Infinity for any, as one that has none. */
async function periodsOf(
  context: Context,
  { step, fromMs, toMs }: Asked,
  products: readonly string[] | null,
  newest: number,
): Promise<Told[]> {
  const { levels, windowMs } = step;
  // Asked for before the counts: a revision that came between the two would be called final unseen.
  const finalBefore = context.watch.finalBefore(newest);
  const found = await context.parts.reader.history({ levels, products, fromMs, toMs });
  const sums = step.sums(found);
  const { historyRows } = context.parts.limits;
  if (sums.length > historyRows)
    throw new ClickrateError(
      'bad_request',
      `${sums.length} periods of step=${step.name} are more than ${historyRows}: ask for a ` +
        'larger step, or a shorter span',
    );
  // Asked for after the counts: what was folded between the two is then taken for missing.
  const wholeAfter = step.oldestOf((await context.parts.reader.historyHeld()).levels);
  return sums.map((counts: Counts) => {
    const end = step.endOf(counts.start);
    // The last window of a period is the last to be final.
    const isFinal = finalBefore !== null && end - windowMs < finalBefore;
    return { ...counts, end, isFinal, isComplete: isFinal && counts.start > wholeAfter };
  });
}

type Answer = { asked: Asked; periods: readonly Told[]; product: string | null };

function sendPeriods(
  context: Context,
  request: FastifyRequest<{ Querystring: Span }>,
  reply: FastifyReply,
  { asked, periods, product }: Answer,
): void {
  const { step, fromMs, toMs } = asked;
  const format = request.query.format ?? formatOf(request.headers.accept);
  const { minSample } = yardstickOf(context);
  if (format === 'csv') {
    const text = csvText(product, periods, minSample);
    sendFresh(context, request, reply, text, 'text/csv; charset=utf-8; header=present');
    return;
  }
  const texts = periods.map((period) => periodText(product, period, minSample));
  if (format === 'ndjson') {
    const text = texts.map((line) => `${line}\n`).join('');
    sendFresh(context, request, reply, text, 'application/x-ndjson');
    return;
  }
  const whose = product === null ? '' : `"product_id":${JSON.stringify(product)},`;
  const text =
    `{${whose}"step":"${step.name}","from":${fromMs},"to":${toMs},` +
    `"windows":[${texts.join(',')}],"freshness":${freshnessText(context)}}`;
  sendFresh(context, request, reply, text);
}

function periodText(product: string | null, period: Told, minSample: number): string {
  const yardstick = { minSample, finalBefore: period.isFinal ? Infinity : null };
  const head = product === null ? '{' : headOf(product);
  const more = `,"complete":${period.isComplete}`;
  const lengthMs = period.end - period.start;
  return textOf((bytes) => addLive(bytes, head, period, lengthMs, yardstick, more));
}

function formatOf(accept: string | undefined): Format {
  const type = preferred(accept, Object.keys(FORMATS));
  return type === null ? 'json' : FORMATS[type]!;
}
