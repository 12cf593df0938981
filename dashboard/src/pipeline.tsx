/** For whoever is on call: is it fresh, is anything stuck, is anything lost. */
import { aged, behindMs } from './aged.ts';
import { clock, count, DASH, duration, rate } from './format.ts';
import { heldLines } from './held.ts';
import { useModel, useNow } from './hooks.ts';
import { LedgerBar } from './ledger-bar.tsx';
import type { Rates } from './line.ts';
import type { Model } from './model.ts';
import { RejectedList } from './rejected.tsx';
import type { Pipeline } from './route.ts';
import { Skeleton } from './skeleton.tsx';
import { Sparkline } from './sparkline.tsx';
import { TaskTable } from './task-table.tsx';
import type { PipelineStatus, TaskTime } from './types.ts';

type Props = { model: Model; route: Pipeline; onRoute: (route: Pipeline) => void };

export function PipelineView({ model, route, onRoute }: Props) {
  useModel(model);
  const nowMs = useNow(1_000);
  if (model.status === null) return <Skeleton link={model.link} />;
  const stale = model.link.phase !== 'live';
  // Nobody knows whether commits go on: then everything stays as it was last seen.
  const seenMs = stale ? (model.seenAtMs ?? model.statusAtMs) : nowMs;
  const status = aged(model.status, seenMs - model.statusAtMs);
  return (
    <div class={stale ? 'pipeline stale' : 'pipeline'}>
      <h1 class="hidden">Pipeline</h1>
      <Stats
        status={status}
        rates={model.rates}
        stale={stale}
        held={model.isStale(nowMs) && status.freshness.why !== null}
      />
      {stale ? <Unknown seenMs={seenMs} /> : <Why status={status} />}
      <LedgerBar ledger={status.ledger} />
      <TaskTable tasks={status.tasks} nowMs={seenMs} />
      <RejectedList
        counts={rejectedOf(status)}
        reason={route.reason}
        onReason={(reason) => onRoute({ ...route, reason })}
      />
    </div>
  );
}

/** `held`: no window has closed for long, and there is a reason. */
type StatsProps = { status: PipelineStatus; rates: Rates; stale: boolean; held: boolean };

function Stats({ status, rates, stale, held }: StatsProps) {
  const { tasks, freshness } = status;
  const lags = tasks.flatMap(({ partitions }) => partitions.map(({ lag }) => lag));
  const known = lags.filter((lag) => lag !== null);
  const lag = known.length === 0 ? null : known.reduce((sum, records) => sum + records, 0);
  const behind = behindMs(status);
  const commit = mostOf(tasks, ({ commit_age_ms }) => commit_age_ms);
  const well = freshness.ready && !held && !stale;
  const state = well ? 'healthy' : freshness.ready ? 'held back' : 'not ready';
  return (
    <dl class="totals">
      <div class="lead">
        <dt>Events a second {stale && <span class="tag stale-tag">stale</span>}</dt>
        <dd>
          {rate(status.events_per_second)}
          <RateLine rates={rates} />
        </dd>
      </div>
      <div>
        <dt>Watermark behind the clock</dt>
        <dd>{behind === null ? DASH : duration(behind)}</dd>
      </div>
      <div>
        <dt>Records waiting</dt>
        <dd>{lag === null ? <small>not known here</small> : count(lag)}</dd>
      </div>
      <div>
        <dt>{tasks.length > 1 ? 'Oldest last commit' : 'Last commit'}</dt>
        <dd>{commit === null ? <small>not known here</small> : `${duration(commit)} ago`}</dd>
      </div>
      <div class="health">
        <dt>State</dt>
        <dd>
          <span class={well ? 'well' : 'ill'}>
            <span class="dot" aria-hidden="true" />
            {stale ? 'unknown' : state}
          </span>
        </dd>
      </div>
    </dl>
  );
}

/** From zero, so that a small change looks small and a standstill is seen. */
function RateLine({ rates }: { rates: Rates }) {
  return (
    <span class="rate-line" aria-hidden="true">
      <Sparkline rates={rates} newest={null} span={[0, 0]} told={ratesTold} />
    </span>
  );
}

function ratesTold(low: number, high: number): string {
  return `${rate(low)} – ${rate(high)} events a second`;
}

/** In the place of what holds time back, while nothing comes from the server. */
function Unknown({ seenMs }: { seenMs: number }) {
  return (
    <p class="why-line">
      Disconnected: what holds time back is not known. Everything here is as of {clock(seenMs)}.
    </p>
  );
}

/** What holds time back, and what would release it. */
function Why({ status }: { status: PipelineStatus }) {
  const lines = heldLines(status);
  if (lines.length === 0)
    return <p class="why-line calm">Nothing holds time back: windows close as they end.</p>;
  return (
    <ul class="why-line">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}

function mostOf(tasks: readonly TaskTime[], of: (task: TaskTime) => number | null): number | null {
  const known = tasks.map(of).filter((ms) => ms !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** Reasons that have events, for the filter of the list. */
function rejectedOf({ ledger }: PipelineStatus): [string, number][] {
  return Object.entries(ledger.verdicts).filter(
    ([verdict, n]) => n > 0 && verdict !== 'counted' && verdict !== 'duplicate',
  );
}
