/** The strip over the table: all products together, and whether the pipeline is well. */
import { count, DASH, percent, short } from './format.ts';
import type { Totals } from './league.ts';
import { Delta } from './league-row.tsx';
import type { Model } from './model.ts';
import { sumOf } from './open.ts';

type Props = { model: Model; totals: Totals; stale: boolean };

export function TotalsStrip({ model, totals, stale }: Props) {
  const { latest, active, products, difference, significant } = totals;
  const seconds = model.windowMs / 1_000;
  const ctr = latest.impressions > 0 ? latest.clicks / latest.impressions : null;
  return (
    <dl class="totals">
      <div class="lead">
        <dt>All products {stale && <span class="tag stale-tag">stale</span>}</dt>
        <dd>
          {percent(ctr)}
          {ctr !== null && <small> %</small>}
          {difference !== null && <Delta change={difference} isReal={significant} />}
        </dd>
      </div>
      <div>
        <dt>Impressions in {seconds} s</dt>
        <dd title={count(latest.impressions)}>{short(latest.impressions)}</dd>
      </div>
      <div>
        <dt>Clicks</dt>
        <dd title={count(latest.clicks)}>{short(latest.clicks)}</dd>
      </div>
      <div>
        <dt>Products</dt>
        <dd>
          {count(products)} {active < products && <small>{count(active)} in this window</small>}
        </dd>
      </div>
      <OpenNow model={model} />
      <Health model={model} held={stale && model.freshness?.why != null} />
    </dl>
  );
}

/** What has been counted of windows that are not closed: never part of a rate. */
function OpenNow({ model }: { model: Model }) {
  const { open } = model;
  if (open === null || !open.available) return null;
  const running = sumOf(open.windows);
  return (
    <div title="Running counts of windows that have not closed; they are in no rate yet">
      <dt>Open now</dt>
      <dd>
        {running === null ? DASH : short(running.impressions)}{' '}
        <small>imp · {short(running?.clicks ?? 0)} clicks</small>
      </dd>
    </div>
  );
}

function Health({ model, held }: { model: Model; held: boolean }) {
  const { freshness, status, link } = model;
  const balanced = status?.ledger.balanced ?? true;
  const well = (freshness?.ready ?? false) && balanced && !held && link.phase !== 'lost';
  const text = link.phase === 'lost' ? 'unknown' : well ? 'healthy' : 'needs a look';
  const why = well ? '' : (freshness?.why ?? '');
  return (
    <div class="health">
      <dt>Pipeline</dt>
      <dd>
        <a href="#/pipeline" class={well ? 'well' : 'ill'} title={why}>
          <span class="dot" aria-hidden="true" />
          {text}
        </a>
      </dd>
    </div>
  );
}
