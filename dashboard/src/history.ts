/** The windows of one product over a range: fetched, then kept up to date by the stream. */
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { Model } from './model.ts';
import { RANGES, type Range, type Step } from './steps.ts';
import type { History, Live } from './types.ts';

/** Rolled up steps are asked for again after this long. */
const AGAIN_MS = 30_000;

export type Loaded =
  | { phase: 'loading' }
  | { phase: 'error'; why: string; again: () => void }
  | { phase: 'ready'; windows: Live[]; fromMs: number; toMs: number };

export function useHistory(model: Model, product: string, range: Range, step: Step): Loaded {
  const [tries, again] = useReducer((n: number) => n + 1, 0);
  const [loaded, setLoaded] = useState<Loaded & { key?: string }>({ phase: 'loading' });
  const key = `${range} ${step}`;
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      try {
        setLoaded({ ...(await fetched(model, product, range, step, abort.signal)), key });
      } catch (error) {
        if (abort.signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        // Figures that are there are better than none: only a first load says that it failed.
        setLoaded((was) =>
          was.phase === 'ready' && was.key === key
            ? was
            : { phase: 'error', why, again: () => again(undefined) },
        );
      }
    };
    void load();
    const timer = step === 'window' ? 0 : setInterval(() => void load(), AGAIN_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [model, product, range, step, tries, model.link.phase === 'lost']);
  if (loaded.phase === 'error') return loaded;
  if (loaded.phase !== 'ready' || loaded.key !== key) return { phase: 'loading' };
  return step === 'window' ? withNewest(loaded, model, product, RANGES[range].ms) : loaded;
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
  const query = new URLSearchParams({ from: String(fromMs), to: String(toMs) });
  if (step !== 'window') query.set('step', step);
  // Days are the reader's own.
  if (step === '1d') query.set('tz', Intl.DateTimeFormat().resolvedOptions().timeZone);
  const path = `/v1/products/${encodeURIComponent(product)}/history?${query}`;
  const answer = await fetch(path, { signal });
  if (!answer.ok) {
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
    throw new Error(problem.detail ?? problem.title ?? `the server answered ${answer.status}`);
  }
  const { windows } = (await answer.json()) as History;
  return { phase: 'ready', windows, fromMs, toMs };
}

/** What the stream has told since, put in place: new windows, and late revisions of old ones. */
function withNewest(loaded: Ready, model: Model, product: string, rangeMs: number): Ready {
  const row = model.rows?.get(product);
  for (const live of [row?.previous, row?.latest]) {
    if (!live) continue;
    const at = loaded.windows.findLastIndex((w) => w.window_start <= live.window_start);
    const known = at === -1 ? undefined : loaded.windows[at];
    if (known?.window_start !== live.window_start) loaded.windows.splice(at + 1, 0, live);
    else if (known !== live) loaded.windows[at] = withRevisions(live, known);
  }
  const toMs = Math.max(loaded.toMs, row?.latest?.window_end ?? 0);
  loaded.toMs = toMs;
  loaded.fromMs = toMs - rangeMs;
  while ((loaded.windows[0]?.window_end ?? Infinity) <= loaded.fromMs) loaded.windows.shift();
  return loaded;
}

function withRevisions(live: Live, known: Live): Live {
  const grown = live.impressions !== known.impressions || live.clicks !== known.clicks;
  const revisions = (known.revisions ?? 0) + (grown ? 1 : 0);
  return revisions === 0 ? live : { ...live, revisions };
}
