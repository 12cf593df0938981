/**
 * What views share: the model, a clock, the address and the width. They listen from the moment they
 * are drawn: what came before the next frame would be missed, or be taken by the view before.
 */
import { useCallback, useEffect, useLayoutEffect, useReducer, useState } from 'preact/hooks';
import type { Model } from './model.ts';
import { hashOf, type Route, routeOf } from './route.ts';

/** Draws the view again whenever the model changes. */
export function useModel(model: Model): Model {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useLayoutEffect(() => model.subscribe(() => again(undefined)), [model]);
  return model;
}

/** The time, again each `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const look = () => set(media.matches);
    look();
    media.addEventListener('change', look);
    return () => media.removeEventListener('change', look);
  }, [query]);
  return matches;
}

/** While it is printed. Of the medium itself one hears when the sheets are laid out already. */
export function usePrinting(): boolean {
  const [isPrinting, set] = useState(false);
  useEffect(() => {
    const begin = () => set(true);
    const end = () => set(false);
    addEventListener('beforeprint', begin);
    addEventListener('afterprint', end);
    return () => {
      removeEventListener('beforeprint', begin);
      removeEventListener('afterprint', end);
    };
  }, []);
  return isPrinting;
}

/**
 * What is looked at, and how to look at something else: as a step that the way back undoes, or in
 * the place of what is looked at now, as while a word is typed.
 */
export function useRoute(): [Route, (next: Route, isStep: boolean) => void] {
  const [route, set] = useState(() => routeOf(location.hash));
  useLayoutEffect(() => {
    const look = () => set(routeOf(location.hash));
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  const go = useCallback((next: Route, isStep: boolean) => {
    set(next);
    const hash = hashOf(next);
    if (isStep && hash !== location.hash) history.pushState(null, '', hash);
    else history.replaceState(null, '', hash);
  }, []);
  return [route, go];
}

/** Calls `handler` for keys that are not typed into a field and not taken by a dialog. */
export function useKeys(handler: (event: KeyboardEvent) => void): void {
  useLayoutEffect(() => {
    const look = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector('dialog[open]') !== null) return;
      handler(event);
    };
    addEventListener('keydown', look);
    return () => removeEventListener('keydown', look);
  }, [handler]);
}

export function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
  );
}
