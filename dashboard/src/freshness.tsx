/** The line that always says how old the data is, and why when it is old. */
import { clock, duration, span } from './format.ts';
import { useModel, useNow } from './hooks.ts';
import type { Model } from './model.ts';

/** `brief`: the reason stands elsewhere on the page. */
type Props = { model: Model; retry: () => void; brief: boolean };

type Mood = 'connecting' | 'live' | 'stale' | 'lost' | 'waiting' | 'unready';

const SAID: Record<Mood, string> = {
  connecting: 'connecting',
  live: 'live',
  stale: 'stale',
  lost: 'disconnected',
  waiting: 'waiting for events',
  unready: 'not ready',
};

export function FreshnessLine({ model, retry, brief }: Props) {
  useModel(model);
  const nowMs = useNow(250);
  const mood = moodOf(model, nowMs);
  const isOld = mood === 'stale' || mood === 'unready';
  return (
    <div class={`fresh ${isOld ? 'stale' : mood}`} id="freshness" data-mood={mood}>
      <span class="dot" aria-hidden="true" />
      <strong>{SAID[mood]}</strong>
      {mood === 'lost' ? (
        <Lost model={model} nowMs={nowMs} retry={retry} />
      ) : (
        <Facts model={model} nowMs={nowMs} stale={isOld} brief={brief} />
      )}
      <span class="hidden" role="status">
        {`The data is ${SAID[mood]}.`}
      </span>
    </div>
  );
}

function moodOf(model: Model, nowMs: number): Mood {
  if (model.link.phase === 'lost') return 'lost';
  if (model.freshness === null || model.isCatchingUp) return 'connecting';
  // Nothing has been published: for want of events, or for a trouble.
  if (model.freshness.window_start === null) return model.freshness.ready ? 'waiting' : 'unready';
  return model.isStale(nowMs) ? 'stale' : 'live';
}

type FactsProps = { model: Model; nowMs: number; stale: boolean; brief: boolean };

function Facts({ model, nowMs, stale, brief }: FactsProps) {
  const { freshness } = model;
  if (freshness === null) return null;
  const { window_start, window_end, watermark, why } = freshness;
  const age = model.ageMs(nowMs);
  return (
    <>
      {window_start !== null && window_end !== null && (
        <span class="fact">
          window <b>{span(window_start, window_end, nowMs)}</b>
        </span>
      )}
      {age !== null && (
        <span class="fact">
          {ageText(model, stale)} <b class="age">{duration(age)}</b>
          {stale || !model.isAgeKnown ? '' : ' ago'}
        </span>
      )}
      {watermark !== null && (
        <span class="fact wide">
          watermark <b>{clock(watermark)}</b>
        </span>
      )}
      {stale && !(brief && why !== null) && <span class="why">{why ?? restText(model)}</span>}
    </>
  );
}

/** Why no window closes although nothing holds time back. */
function restText({ status }: Model): string {
  return status?.events_per_second === 0
    ? 'no events come in; nothing holds time back'
    : 'no window has closed since; no reason is known';
}

function ageText(model: Model, stale: boolean): string {
  if (model.isAgeKnown) return stale ? 'no news for' : 'closed';
  return stale ? 'no news for at least' : 'unchanged for at least';
}

function Lost({ model, nowMs, retry }: { model: Model; nowMs: number; retry: () => void }) {
  const { link, seenAtMs } = model;
  const refused = link.phase === 'lost' && link.why.startsWith('the ') ? link.why : null;
  const seconds =
    link.phase === 'lost' ? Math.max(0, Math.ceil((link.retryAtMs - nowMs) / 1_000)) : 0;
  return (
    <>
      <span class="fact">
        {seenAtMs === null ? 'nothing was received yet' : `last seen ${clock(seenAtMs)}`}
      </span>
      <span class="fact">{seconds > 0 ? `trying again in ${seconds} s` : 'trying now'}</span>
      {refused !== null && <span class="fact wide">{refused}</span>}
      <button type="button" class="small" onClick={retry}>
        Try now
      </button>
    </>
  );
}
