/** Who follows a store's changes. */
import type { Change } from './store.ts';

export class Listeners {
  readonly #listeners = new Set<(change: Change) => void>();

  /** Calls back for each change from now on; returns how to stop. */
  follow(onChange: (change: Change) => void): () => void {
    // Wrapped, so that the same function may follow twice.
    const listener = (change: Change) => onChange(change);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells everybody. What a listener throws is its own fault: the commit stands. */
  tell(change: Change): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
