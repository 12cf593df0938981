/** Where a list was when it was left, scrolled and selected: every way back leads there. */
import { useLayoutEffect } from 'preact/hooks';

const left = { hash: '', y: 0, product: null as string | null };

/** Scrolls the list at the address `hash` to where it was left, and notes where it is. */
export function useLeftPlace(hash: string): void {
  useLayoutEffect(() => {
    if (left.hash === hash) scrollTo(0, left.y);
    // What leaving itself scrolls is told when nobody listens any more.
    const look = () => {
      left.y = scrollY;
    };
    look();
    addEventListener('scroll', look, { passive: true });
    return () => removeEventListener('scroll', look);
  }, []);
  useLayoutEffect(() => {
    left.hash = hash;
  }, [hash]);
}

/** The product that was looked at last: keys walk on from it. */
export function leftProduct(): string | null {
  return left.product;
}

/** Begins at the top, where a product is looked at: its list may have been scrolled far. */
export function useTop(product: string): void {
  useLayoutEffect(() => {
    left.product = product;
    scrollTo(0, 0);
  }, []);
}
