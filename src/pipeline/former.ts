/**
 * Products of a topic that was deleted and made anew: those that do not come again have rows that
 * nobody would ever remove. They go a part of the old dictionary a commit; until then the part is
 * kept under another name, so that a crash meanwhile forgets none.
 */
import type { Products } from '../decode/products.ts';
import { readPart } from '../decode/products-part.ts';
import { FORMER_PARTS, PRODUCT_PARTS } from '../part-names.ts';
import type { Part } from '../status.ts';

/** A product id may begin with a byte order mark. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export type FormerCommit = { parts: Part[]; removedParts: string[]; removals: string[] };

export class Former {
  readonly #left: Part[];
  #toWrite: Part[];

  /** From the parts of a checkpoint; `isNew`: its dictionary is that of a former topic. */
  constructor(parts: readonly Part[], isNew: boolean) {
    const dictionary = isNew ? parts.filter(({ name }) => PRODUCT_PARTS.has(name)) : [];
    const left = [...parts.filter(isFormer), ...dictionary];
    const renamed = left.map(({ bytes }, n) => ({ name: FORMER_PARTS.name(n), bytes }));
    this.#left = isNew ? renamed : left;
    this.#toWrite = isNew ? [...this.#left] : [];
  }

  get isEmpty(): boolean {
    return this.#left.length === 0;
  }

  /** What the next commit does: the first one keeps the parts, each later one removes one. */
  take(products: Products): FormerCommit {
    const parts = this.#toWrite;
    this.#toWrite = [];
    const part = parts.length > 0 ? undefined : this.#left.shift();
    if (part === undefined) return { parts, removedParts: [], removals: [] };
    const removals = (readPart(part.bytes) ?? [])
      .map(({ key }) => utf8.decode(key))
      // Those that came again are ours as they are.
      .filter((product) => products.idOf(product) < 0);
    return { parts, removedParts: [part.name], removals };
  }
}

export function isFormer({ name }: Part): boolean {
  return FORMER_PARTS.has(name);
}
