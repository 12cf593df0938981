/** How far a list was scrolled when it was left: every way back leads there. */
import { useLayoutEffect } from 'preact/hooks';

const left = { hash: '', y: 0 };

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

/** Begins at the top: a list that was left may have been scrolled far. */
export function useTop(): void {
  useLayoutEffect(() => scrollTo(0, 0), []);
}
