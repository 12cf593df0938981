/** The windows of one product over a range: fetched, then kept up to date by the stream. */
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { historyAddress } from './address.ts';
import type { Model } from './model.ts';
import { fetchedAgain, gapBefore, withNewest } from './newest.ts';
import { RANGES, type Range, type Step, zoneFor } from './steps.ts';
import type { History, Kept, Live } from './types.ts';

/** Rolled up steps are asked for again after this long, and windows that could not be had. */
const AGAIN_MS = 30_000;

/** `days`: which days the windows are, as words; null: they are none. */
export type Loaded =
  | { phase: 'loading' }
  | { phase: 'error'; why: string; again: () => void }
  | { phase: 'ready'; windows: Live[]; fromMs: number; toMs: number; days: string | null };

export function useHistory(model: Model, product: string, range: Range, step: Step): Loaded {
  const [tries, again] = useReducer((n: number) => n + 1, 0);
  const [loaded, setLoaded] = useState<Loaded & { key?: string }>({ phase: 'loading' });
  const key = `${range} ${step}`;
  useEffect(() => {
    const abort = new AbortController();
    let retry = 0;
    const load = async () => {
      try {
        const now = await fetched(model, product, range, step, abort.signal);
        setLoaded((was) => {
          // Periods of many windows grow while these close: that is no revision.
          const isSame = step === 'window' && was.phase === 'ready' && was.key === key;
          const before = isSame ? was.windows : [];
          return { ...now, windows: fetchedAgain(now.windows, before), key };
        });
      } catch (error) {
        if (abort.signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        // Figures that are there are better than none: only a first load says that it failed.
        setLoaded((was) =>
          was.phase === 'ready' && was.key === key
            ? was
            : { phase: 'error', why, again: () => again(undefined) },
        );
        // A gap that could not be filled now is filled later.
        if (step === 'window') retry = window.setTimeout(() => void load(), AGAIN_MS);
      }
    };
    void load();
    const timer = step === 'window' ? 0 : setInterval(() => void load(), AGAIN_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
      clearTimeout(retry);
    };
  }, [model, product, range, step, tries, model.connections]);
  const row = model.rows?.get(product);
  const isNow = loaded.phase === 'ready' && loaded.key === key;
  useFilledGap(isNow && step === 'window' ? gapBefore(loaded.windows, row) : null, again);
  if (loaded.phase === 'error') return loaded;
  if (!isNow) return { phase: 'loading' };
  return step === 'window' ? withNewest(loaded, row, RANGES[range].ms) : loaded;
}

/** Fetches again once for each gap: a window that the store does not have would be one for ever. */
function useFilledGap(gap: number | null, again: (nothing: undefined) => void): void {
  const filled = useRef<number | null>(null);
  useEffect(() => {
    if (gap === null || gap === filled.current) return;
    filled.current = gap;
    again(undefined);
  }, [gap]);
}

type Ready = Extract<Loaded, { phase: 'ready' }>;

async function fetched(
  model: Model,
  product: string,
  range: Range,
  step: Step,
  signal: AbortSignal,
): Promise<Ready> {
  const toMs = model.rows?.get(product)?.latest?.window_end ?? Date.now();
  const fromMs = toMs - RANGES[range].ms;
  const query: Record<string, string> = { from: String(fromMs), to: String(toMs) };
  if (step !== 'window') query.step = step;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = step === '1d' ? zoneFor(range, own) : null;
  if (zone !== null) query.tz = zone;
  const answer = await fetch(historyAddress(product, query), { signal });
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
    throw new Error(problem.detail ?? problem.title ?? `the server answered ${answer.status}`);
  }
  const { windows: sums } = (await answer.json()) as History;
  const windows = sums.map((sum) => ({ product_id: product, ...sum }));
  const days = step === '1d' ? daysOf(zone ?? (await serverZone(signal))) : null;
  return { phase: 'ready', windows, fromMs, toMs, days };
}

function daysOf(zone: string | null): string {
  return `days of ${zone ?? 'the server’s time zone'}`;
}

/** The zone of the days that the server keeps; null: it does not say. */
async function serverZone(signal: AbortSignal): Promise<string | null> {
  try {
    const { levels } = (await (await fetch('/v1/history/kept', { signal })).json()) as Kept;
    return levels.find(({ tz }) => tz !== null)?.tz ?? null;
  } catch {
    return null;
  }
}
