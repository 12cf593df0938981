/** One product: its rate over time with how sure it is, its counts, and every window. */
import { useMemo } from 'preact/hooks';
import { ChartPair } from './chart-pair.tsx';
import { Choice } from './choice.tsx';
import { csvOf } from './csv.ts';
import { download } from './download.ts';
import { finalBeforeOf } from './final.ts';
import { count, percent, percents, short } from './format.ts';
import { useHistory } from './history.ts';
import { useModel } from './hooks.ts';
import { difference, realUpTo } from './league.ts';
import { Delta } from './league-row.tsx';
import { useTop } from './left-place.ts';
import type { Model } from './model.ts';
import { openOf, sumOf } from './open.ts';
import { nameText } from './raw.ts';
import type { Product } from './route.ts';
import { RANGES, type Range, STEPS, type Step, stepsOf } from './steps.ts';
import type { OpenWindow, Row } from './types.ts';
import { WindowTable } from './window-table.tsx';

type Props = { model: Model; route: Product; onRoute: (route: Product) => void; back: string };

export function ProductView({ model, route, onRoute, back }: Props) {
  const { product, range } = route;
  useTop(product);
  useModel(model);
  const steps = stepsOf(range, model.windowMs);
  const isStep = route.step !== null && steps.includes(route.step);
  const step = isStep ? (route.step as Step) : (steps[0] as Step);
  const history = useHistory(model, product, range, step);
  const row = model.rows?.get(product) ?? null;
  const open = openOf(model.open, product, row?.latest ?? null, model.windowMs);
  const finalBefore = finalBeforeOf(step, model.freshness);
  const real = useReal(model);
  const onStep = (next: Step) => onRoute({ ...route, step: next === steps[0] ? null : next });
  const ready = history.phase === 'ready' ? history : null;
  // Kept while nothing of it changes: each second something of the page does.
  const windows = ready?.windows;
  const table = useMemo(
    () => windows && <WindowTable windows={windows} finalBefore={finalBefore} />,
    [windows, finalBefore],
  );
  return (
    <article class="product-page">
      <nav class="crumbs" aria-label="Back">
        <a href={back}>← All products</a>
      </nav>
      <ProductHead product={product} row={row} open={open} real={real} />
      <div class="controls">
        <Choice
          name="Range"
          value={range}
          options={Object.entries(RANGES).map(([key, { text }]) => [key as Range, text])}
          onChange={(next) => onRoute({ ...route, range: next, step: null })}
        />
        <label>
          Step{' '}
          <select value={step} onChange={(event) => onStep(event.currentTarget.value as Step)}>
            {steps.map((key) => (
              <option key={key} value={key}>
                {STEPS[key]}
              </option>
            ))}
          </select>
        </label>
        {ready !== null && ready.days !== null && <small class="muted">{ready.days}</small>}
        <button
          type="button"
          class="small"
          disabled={ready === null || ready.windows.length === 0}
          onClick={() =>
            ready &&
            download(`${fileName(product)}-${range}.csv`, csvOf(ready.windows, finalBefore))
          }
        >
          Export CSV
        </button>
      </div>
      {history.phase === 'error' && (
        <div class="notice inline" role="alert">
          <p>The history could not be read: {history.why}</p>
          <button type="button" class="small" onClick={history.again}>
            Try again
          </button>
        </div>
      )}
      {history.phase === 'loading' && <div class="chart-skeleton" aria-busy="true" />}
      {ready !== null && ready.windows.length === 0 && (
        <p class="muted centred">No window of this product in the last {RANGES[range].text}.</p>
      )}
      {ready !== null && ready.windows.length > 0 && (
        <>
          <ChartPair data={{ ...ready, open: step === 'window' ? open : [] }} />
          {table}
        </>
      )}
    </article>
  );
}

/** The p-value up to which changes are real, among all products: as in the table. */
function useReal({ rows, version }: Model): number {
  return useMemo(() => (rows === null ? 0 : realUpTo([...rows.keys()], rows)), [rows, version]);
}

function ProductHead({
  product,
  row,
  open,
  real,
}: {
  product: string;
  row: Row | null;
  open: readonly OpenWindow[];
  real: number;
}) {
  const latest = row?.latest ?? null;
  const running = sumOf(open);
  const change = row === null ? null : difference(row);
  const isReal = row !== null && row.p_value !== null && row.p_value <= real;
  return (
    <>
      <h1 class="product-name">
        <bdi>{nameText(product)}</bdi>
      </h1>
      {latest === null ? (
        <p class="muted">
          No published window at present. It may have left after an hour without events; what is
          kept of it is below.
        </p>
      ) : (
        <dl class="totals">
          <div class="lead">
            <dt>Click-through rate</dt>
            <dd>
              {percent(latest.ctr)}
              {latest.ctr !== null && <small> %</small>}
              {change !== null && <Delta change={change} isReal={isReal} />}
            </dd>
          </div>
          <div>
            <dt>95 % interval</dt>
            <dd>
              {percents(latest.ctr_low, latest.ctr_high)}
              {latest.ctr_low !== null && <small> %</small>}
            </dd>
          </div>
          <div>
            <dt>Impressions</dt>
            <dd>{count(latest.impressions)}</dd>
          </div>
          <div>
            <dt>Clicks</dt>
            <dd>{count(latest.clicks)}</dd>
          </div>
          {running !== null && (
            <div title="Running counts of windows that have not closed; they are in no rate yet">
              <dt>Open now</dt>
              <dd>
                {short(running.impressions)} <small>imp · {short(running.clicks)} clicks</small>
              </dd>
            </div>
          )}
        </dl>
      )}
    </>
  );
}

/** A product id may hold anything; a file name may not. */
function fileName(product: string): string {
  return product.replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, 60) || 'product';
}
