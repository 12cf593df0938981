/** The start page: totals over all products, then the league table with only its rows in view. */
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from 'preact/hooks';
import { isFinal } from './final.ts';
import { isField, useKeys, useMedia, useNow, usePrinting } from './hooks.ts';
import { ordered, realUpTo, type Sort, scaleOf, totalsOf } from './league.ts';
import { LeagueHead } from './league-head.tsx';
import { LeagueRow } from './league-row.tsx';
import { leftProduct, useLeftPlace } from './left-place.ts';
import type { Model } from './model.ts';
import { hashOf, type League, productHash } from './route.ts';
import { Sparks } from './sparks.ts';
import { TotalsStrip } from './totals.tsx';
import type { Row } from './types.ts';

const ROW_PX = 44;
const NARROW_ROW_PX = 104;
/** Rows drawn beyond each edge of the window. */
const BEYOND = 6;
/** Rows on paper at most: a hundred sheets of the narrow ones. */
const PRINTED_ROWS = 1_000;
/** Scrolling has come to rest after this long without a step. */
const REST_MS = 150;

type Props = {
  model: Model;
  route: League;
  onRoute: (route: League) => void;
};

export function LeagueView({ model, route, onRoute }: Props) {
  const { sort, search } = route;
  useLeftPlace(hashOf(route));
  const rows = model.rows as Map<string, Row>;
  const narrow = useMedia('(max-width: 900px)');
  const rowPx = narrow ? NARROW_ROW_PX : ROW_PX;
  const list = useOrder(model, rows, sort, search);
  const newest = model.freshness?.window_start ?? null;
  const totals = useMemo(
    () => totalsOf(rows, newest, model.windowMs),
    [rows, newest, model.windowMs, model.version],
  );
  const body = useRef<HTMLDivElement>(null);
  const [first, last] = useVisible(body, list.ids.length, rowPx);
  const selected = useSelection(body, list.ids, rowPx);
  const shown = list.ids.slice(first, last);
  const sparks = useSparks(shown, model.windowMs);
  const stale = model.isStale(useNow(1_000));
  const finalBefore = model.freshness?.final_before ?? null;
  return (
    <>
      <h1 class="hidden">Products</h1>
      <TotalsStrip model={model} totals={totals} stale={stale} />
      <div
        class={stale ? 'league stale' : 'league'}
        role="table"
        aria-label="Click-through rates by product"
        aria-rowcount={list.ids.length + 1}
      >
        <LeagueHead
          sort={sort}
          onSort={(next) => onRoute({ ...route, sort: next })}
          scale={list.scale}
          narrow={narrow}
        />
        <div
          ref={body}
          class="rows"
          role="rowgroup"
          style={{ height: `${list.ids.length * rowPx}px` }}
        >
          {shown.map((id, i) => (
            <LeagueRow
              key={id}
              row={rows.get(id) as Row}
              index={first + i}
              top={(first + i) * rowPx}
              real={list.realUpTo}
              scale={list.scale}
              isFinal={isFinal((rows.get(id) as Row).latest, finalBefore)}
              newest={newest}
              selected={id === selected}
              spark={sparks.get(id)}
            />
          ))}
        </div>
      </div>
      {list.ids.length === 0 && (
        <p class="muted centred">
          No product matches “{search}”.{' '}
          <button type="button" class="small" onClick={() => onRoute({ ...route, search: '' })}>
            Clear the search
          </button>
        </p>
      )}
    </>
  );
}

type Listed = { ids: string[]; realUpTo: number; scale: number };

/** A window of many products closes in several commits; their order is made when all have come. */
const SETTLED_MS = 300;
const AT_LATEST_MS = 2_000;

/**
 * Rows do not jump: a new order is made when a window has closed, a product comes or goes, or the
 * reader asks for one; a late revision waits for the next of these.
 */
function useOrder(
  model: Model,
  rows: ReadonlyMap<string, Row>,
  sort: Sort,
  search: string,
): Listed {
  const closed = useSettled(model.windowsVersion);
  const judged = useSettled(model.version);
  const ids = useMemo(
    () => ordered(rows.values(), sort, search),
    [sort, search, closed, model.productsVersion, rows],
  );
  const scale = useMemo(() => scaleOf(ids, rows), [ids]);
  const real = useMemo(() => realUpTo(ids, rows), [search, judged, rows]);
  return { ids, realUpTo: real, scale };
}

/** `value` when it has not changed for a moment, or has been changing for too long. */
function useSettled(value: number): number {
  const [settled, set] = useState(value);
  const since = useRef(0);
  useEffect(() => {
    if (value === settled) {
      since.current = 0;
      return;
    }
    since.current ||= Date.now();
    const leftMs = since.current + AT_LATEST_MS - Date.now();
    const timer = setTimeout(() => set(value), Math.max(0, Math.min(SETTLED_MS, leftMs)));
    return () => clearTimeout(timer);
  }, [value, settled]);
  return settled;
}

type BodyRef = { current: HTMLDivElement | null };

/** Indices of the rows in view, and a few beyond; on paper from the first one. */
function useVisible(body: BodyRef, length: number, rowPx: number): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const isPrinting = usePrinting();
  useLayoutEffect(() => {
    const look = () => {
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowPx) - BEYOND);
      const last = Math.ceil((innerHeight - top) / rowPx) + BEYOND;
      setRange((was) => (was[0] === first && was[1] === last ? was : [first, last]));
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [length, rowPx, body]);
  const [first, last] = isPrinting ? [0, PRINTED_ROWS] : range;
  return [Math.min(first, length), Math.min(last, length)];
}

/** `j` and `k` walk the products; the selected one has the focus, so Enter opens it. */
function useSelection(body: BodyRef, ids: readonly string[], rowPx: number): string | null {
  // Keys may come faster than views are drawn, so what they act on is no state of a drawing.
  const now = useRef({ ids, rowPx, selected: leftProduct(), wanted: false });
  now.current.ids = ids;
  now.current.rowPx = rowPx;
  const [, draw] = useReducer((n: number) => n + 1, 0);
  const go = useCallback((index: number) => {
    const { current } = now;
    const last = current.ids.length - 1;
    const at = Math.max(0, Math.min(last, index));
    if (last < 0) return;
    current.selected = current.ids[at] as string;
    current.wanted = true;
    bringIntoView(body.current, at, current.rowPx);
    draw(undefined);
  }, []);
  useKeys(
    useCallback((event: KeyboardEvent) => {
      if (isField(event.target)) return;
      const { selected } = now.current;
      const at = selected === null ? -1 : now.current.ids.indexOf(selected);
      if (event.key === 'j') go(at + 1);
      else if (event.key === 'k') go(at - 1);
      else if (event.key === 'Enter' && event.target === document.body && selected !== null)
        location.hash = productHash(selected);
    }, []),
  );
  useEffect(() => {
    const toFirst = () => go(0);
    addEventListener('league-first', toFirst);
    return () => removeEventListener('league-first', toFirst);
  }, []);
  useLayoutEffect(() => {
    if (!now.current.wanted) return;
    const link = body.current?.querySelector<HTMLElement>('.selected a');
    if (link === null || link === undefined) return;
    now.current.wanted = false;
    link.focus({ preventScroll: true });
  });
  return now.current.selected;
}

/** Scrolls as little as needed; the head of the page and of the table cover the top. */
function bringIntoView(body: HTMLElement | null, index: number, rowPx: number): void {
  if (body === null) return;
  const covered = document.querySelector('.league .head')?.getBoundingClientRect().bottom ?? 0;
  const top = body.getBoundingClientRect().top + index * rowPx;
  if (top < covered) scrollBy(0, top - covered);
  else if (top + rowPx > innerHeight) scrollBy(0, top + rowPx - innerHeight);
}

/** Sparklines of the rows in view, asked for when scrolling has come to rest. */
function useSparks(shown: readonly string[], windowMs: number): Sparks {
  const [, again] = useState(0);
  const sparks = useMemo(() => new Sparks(windowMs, () => again((n) => n + 1)), [windowMs]);
  const [minute, setMinute] = useState(0);
  const joined = shown.join('\n');
  useEffect(() => {
    const timer = setTimeout(() => sparks.want(shown, Date.now()), REST_MS);
    return () => clearTimeout(timer);
  }, [joined, minute, sparks]);
  useEffect(() => {
    const timer = setInterval(() => setMinute((n) => n + 1), 30_000);
    return () => clearInterval(timer);
  }, []);
  return sparks;
}
