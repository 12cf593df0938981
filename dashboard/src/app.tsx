/** The frame around every view: name, navigation, search, freshness, help. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { EmptyState } from './empty.tsx';
import { FreshnessLine } from './freshness.tsx';
import { HelpDialog } from './help.tsx';
import { isField, useKeys, useModel, useRoute } from './hooks.ts';
import { LeagueView } from './league-view.tsx';
import type { Model } from './model.ts';
import { PipelineView } from './pipeline.tsx';
import { ProductView } from './product.tsx';
import { nameText } from './raw.ts';
import { hashOf, type League, type Route, routeOf } from './route.ts';
import { Skeleton } from './skeleton.tsx';
import { applyTheme, nextTheme, savedTheme, type Theme } from './theme.ts';

type Props = { model: Model; retry: () => void };

const THEME_NAMES: Record<Theme, string> = {
  auto: 'as the system',
  light: 'light',
  dark: 'dark',
};
const THEME_MARKS: Record<Theme, string> = { auto: '◐', light: '○', dark: '●' };

export function App({ model, retry }: Props) {
  const [route, go] = useRoute();
  const [league, setLeague] = useLeague(route);
  const [help, setHelp] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  const back = hashOf(league);
  const onSearch = (search: string) => {
    const next = { ...league, search };
    if (route.view === 'league') go(next, false);
    else if (search !== '') go(next, true);
    else setLeague(next);
  };

  useKeys(
    useCallback(
      (event: KeyboardEvent) => {
        if (isField(event.target)) return;
        if (event.key === '/') {
          event.preventDefault();
          field.current?.focus();
          field.current?.select();
        } else if (event.key === '?') setHelp(true);
        else if (event.key === 'Escape' && route.view === 'league')
          go({ ...route, search: '' }, false);
        else if (event.key === 'Escape') location.hash = back;
      },
      [route, back],
    ),
  );

  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to content
      </a>
      <header class="top">
        <div class="bar">
          <a class="brand" href="#/" aria-label="clickrate, all products">
            <Mark />
            <span>clickrate</span>
          </a>
          <Navigation route={route} back={back} />
          <label class="search">
            <span class="hidden">Search products</span>
            <input
              ref={field}
              type="search"
              placeholder="Search"
              autocomplete="off"
              spellcheck={false}
              value={league.search}
              onInput={(event) => onSearch(event.currentTarget.value)}
              onKeyDown={(event) => onSearchKey(event, league.search, onSearch)}
            />
            <kbd aria-hidden="true">/</kbd>
          </label>
          <button
            type="button"
            class="icon"
            aria-label="Keyboard help"
            title="Keyboard help"
            onClick={() => setHelp(true)}
          >
            ?
          </button>
          <ThemeButton />
        </div>
        <FreshnessLine model={model} retry={retry} brief={route.view === 'pipeline'} />
      </header>
      <main id="main" tabIndex={-1}>
        <View model={model} route={route} back={back} go={go} />
      </main>
      <HelpDialog open={help} onClose={() => setHelp(false)} />
    </>
  );
}

/** The list that was looked at last: the ways back from other views lead there. */
function useLeague(route: Route): [League, (league: League) => void] {
  const [last, set] = useState<League>(() => routeOf('') as League);
  useEffect(() => {
    if (route.view === 'league') set(route);
  }, [route]);
  return [route.view === 'league' ? route : last, set];
}

type ViewProps = {
  model: Model;
  route: Route;
  back: string;
  go: (route: Route, isStep: boolean) => void;
};

function View({ model, route, back, go }: ViewProps) {
  useModel(model);
  useTitle(route);
  const onRoute = (next: Route) => go(next, true);
  if (route.view === 'pipeline')
    return <PipelineView model={model} route={route} onRoute={onRoute} />;
  if (model.rows === null) return <Skeleton link={model.link} />;
  if (route.view === 'product') {
    const props = { model, route, onRoute, back };
    return <ProductView key={route.product} {...props} />;
  }
  if (model.rows.size === 0) return <EmptyState model={model} />;
  return <LeagueView model={model} route={route} onRoute={onRoute} />;
}

function useTitle(route: Route): void {
  const name =
    route.view === 'product' ? nameText(route.product) : route.view === 'pipeline' && 'Pipeline';
  const first = useRef(true);
  useEffect(() => {
    document.title = name ? `${name} · clickrate` : 'clickrate';
    // After a change of view the keyboard goes on from its beginning.
    if (!first.current && (document.activeElement ?? document.body) === document.body)
      document.getElementById('main')?.focus({ preventScroll: true });
    first.current = false;
  }, [name]);
}

function Navigation({ route, back }: { route: Route; back: string }) {
  const current = (on: boolean) => (on ? { 'aria-current': 'page' as const } : {});
  return (
    <nav aria-label="Views">
      <a href={back} {...current(route.view !== 'pipeline')}>
        Products
      </a>
      <a href="#/pipeline" {...current(route.view === 'pipeline')}>
        Pipeline
      </a>
    </nav>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(savedTheme());
  const change = () => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  const text = `Colours: ${THEME_NAMES[theme]}`;
  return (
    <button type="button" class="icon" aria-label={text} title={text} onClick={change}>
      {THEME_MARKS[theme]}
    </button>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M6 22l6-7 5 4 9-11" />
      <circle cx="26" cy="8" r="3" />
    </svg>
  );
}

function onSearchKey(event: KeyboardEvent, search: string, set: (text: string) => void): void {
  const field = event.currentTarget as HTMLInputElement;
  // Keys that end or choose a character that is composed, as in Japanese.
  if (event.isComposing) return;
  if (event.key === 'Escape') {
    event.preventDefault();
    if (search === '') field.blur();
    set('');
  } else if (event.key === 'Enter' || event.key === 'ArrowDown') {
    event.preventDefault();
    field.blur();
    dispatchEvent(new CustomEvent('league-first'));
  }
}

function skipToMain(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
