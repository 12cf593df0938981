/**
 * Results that this process sent lately: who follows the stream here need not read them out of the
 * text of a change once more. Those of a commit have a name that no others have, and its change
 * carries it, so these are the very rows of the change; where they are not known, it is read.
 */
import { randomUUID } from 'node:crypto';
import type { ProductResult } from '../../result.ts';
import type { Row } from '../store.ts';

/** Results kept until their change comes by: those of commits on their way, and many more. */
const KEPT_RESULTS = 16_384;

function rowOf({ product, latest, previous }: ProductResult): Row {
  return { product, latest, previous };
}

export class SentRows {
  readonly #process = randomUUID();
  /** What is sent again has the name that it had. */
  readonly #names = new WeakMap<readonly ProductResult[], string>();
  #named = 0;
  /** By name, in the order of sending. */
  readonly #sent = new Map<string, readonly ProductResult[]>();
  #kept = 0;
  /** Somebody takes them; else none are kept. */
  areWanted = false;

  /** Keeps results that are about to be sent; answers their name. */
  keep(results: readonly ProductResult[]): string {
    const name = this.#names.get(results) ?? `${this.#process}-${this.#named++}`;
    this.#names.set(results, name);
    if (!this.areWanted || results.length === 0 || this.#sent.has(name)) return name;
    this.#sent.set(name, results);
    this.#kept += results.length;
    for (const oldest of this.#sent.keys()) {
      if (this.#kept <= KEPT_RESULTS) break;
      this.#drop(oldest);
    }
    return name;
  }

  /** The rows of this name, once; undefined where they are not known. */
  take(name: string): Row[] | undefined {
    return this.#drop(name)?.map(rowOf);
  }

  #drop(name: string): readonly ProductResult[] | undefined {
    const results = this.#sent.get(name);
    if (results === undefined) return undefined;
    this.#sent.delete(name);
    this.#kept -= results.length;
    return results;
  }
}
