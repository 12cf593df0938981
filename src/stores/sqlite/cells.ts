/**
 * The packed cells of one period and one bucket of products: for each cell, by rising slot, three
 * numbers of 7 bits a byte: slot − previous slot − 1, impressions, clicks.
 */
import { copyOf } from '../../event.ts';

/** Products of a bucket of cells; the slot of a product is its number modulo this. */
export const CELL_PRODUCTS = 1_024;
/** Longest packed whole number below 2^53. */
const NUMBER_BYTES = 8;

/** Cells of one bucket, unpacked: written over by each use. */
export class CellTable {
  readonly #filled = new Uint8Array(CELL_PRODUCTS);
  readonly #impressions = new Float64Array(CELL_PRODUCTS);
  readonly #clicks = new Float64Array(CELL_PRODUCTS);
  readonly #bytes = new Uint8Array(CELL_PRODUCTS * 3 * NUMBER_BYTES);

  /** Cells in it. */
  size = 0;

  clear(): void {
    this.#filled.fill(0);
    this.size = 0;
  }

  set(slot: number, impressions: number, clicks: number): void {
    if (this.#filled[slot] === 0) this.size++;
    this.#filled[slot] = 1;
    this.#impressions[slot] = impressions;
    this.#clicks[slot] = clicks;
  }

  unpack(cells: Uint8Array): void {
    eachCell(cells, (slot, impressions, clicks) => {
      this.set(slot, impressions, clicks);
      return true;
    });
  }

  /** Adds packed cells to what is there. */
  add(cells: Uint8Array): void {
    eachCell(cells, (slot, impressions, clicks) => {
      const isNew = this.#filled[slot] === 0;
      if (isNew) this.set(slot, impressions, clicks);
      else {
        this.#impressions[slot] += impressions;
        this.#clicks[slot] += clicks;
      }
      return true;
    });
  }

  pack(): Uint8Array {
    const bytes = this.#bytes;
    let at = 0;
    let before = -1;
    for (let slot = 0; slot < CELL_PRODUCTS; slot++) {
      if (this.#filled[slot] === 0) continue;
      at = packNumber(bytes, at, slot - before - 1);
      at = packNumber(bytes, at, this.#impressions[slot]);
      at = packNumber(bytes, at, this.#clicks[slot]);
      before = slot;
    }
    return copyOf(bytes, 0, at);
  }
}

/** The counts of those slots together (null: of all); null where there is none of them. */
export function addCells(
  cells: Uint8Array,
  slots: ReadonlySet<number> | null,
): [impressions: number, clicks: number] | null {
  let sum: [number, number] | null = null;
  let left = slots?.size ?? Infinity;
  eachCell(cells, (slot, impressions, clicks) => {
    if (slots !== null && !slots.has(slot)) return true;
    sum = sum === null ? [impressions, clicks] : [sum[0] + impressions, sum[1] + clicks];
    return --left > 0;
  });
  return sum;
}

/** Visits the cells by rising slot, until `visit` answers false. */
export function eachCell(
  cells: Uint8Array,
  visit: (slot: number, impressions: number, clicks: number) => boolean,
): void {
  const numbers = [0, 0, 0];
  let slot = -1;
  for (let at = 0; at < cells.length; ) {
    for (let n = 0; n < 3; n++) {
      let value = 0;
      let scale = 1;
      while (cells[at] >= 128) {
        value += (cells[at++] - 128) * scale;
        scale *= 128;
      }
      numbers[n] = value + cells[at++] * scale;
    }
    slot += numbers[0] + 1;
    if (!visit(slot, numbers[1], numbers[2])) return;
  }
}

function packNumber(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 128) {
    const low = rest % 128;
    bytes[at++] = low + 128;
    rest = (rest - low) / 128;
  }
  bytes[at++] = rest;
  return at;
}
