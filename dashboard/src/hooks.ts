/** What views share: the model, a clock, the address and the width. */
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { Model } from './model.ts';

/** Draws the view again whenever the model changes. */
export function useModel(model: Model): Model {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => model.subscribe(() => again(undefined)), [model]);
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

export type Route =
  | { view: 'league' }
  | { view: 'pipeline' }
  | { view: 'product'; product: string };

/** Addresses live behind `#`, so that each can be kept and the server needs to know none. */
function routeOf(hash: string): Route {
  if (hash === '#/pipeline') return { view: 'pipeline' };
  const product = /^#\/product\/(.+)$/.exec(hash)?.[1];
  if (product === undefined) return { view: 'league' };
  try {
    return { view: 'product', product: decodeURIComponent(product) };
  } catch {
    return { view: 'league' };
  }
}

export function productHash(product: string): string {
  return `#/product/${encodeURIComponent(product)}`;
}

export function useRoute(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const look = () => set(location.hash);
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return routeOf(hash);
}

/** Calls `handler` for keys that are not typed into a field and not taken by a dialog. */
export function useKeys(handler: (event: KeyboardEvent) => void): void {
  useEffect(() => {
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
