/**
 * History as packed rows: one for each window and bucket of 1 024 product numbers, its cells as
 * unsigned LEB128 integers: distance from the slot before, impressions, clicks.
 */

/** Product numbers of a bucket. */
export const BUCKET_SHIFT = 10;
const SLOT_MASK = (1 << BUCKET_SHIFT) - 1;

export type Cell = { impressions: number; clicks: number };

/** Cells of a row by slot. */
export function unpack(bytes: Uint8Array | undefined): Map<number, Cell> {
  const cells = new Map<number, Cell>();
  if (bytes === undefined) return cells;
  let at = 0;
  const uint = () => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 0x80) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    return value;
  };
  for (let slot = 0; at < bytes.length; ) {
    slot += uint();
    const impressions = uint();
    cells.set(slot, { impressions, clicks: uint() });
  }
  return cells;
}

export function pack(cells: Map<number, Cell>): Uint8Array {
  const bytes: number[] = [];
  const uint = (value: number) => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  };
  let before = 0;
  for (const slot of [...cells.keys()].sort((a, b) => a - b)) {
    const { impressions, clicks } = cells.get(slot) as Cell;
    uint(slot - before);
    uint(impressions);
    uint(clicks);
    before = slot;
  }
  return Uint8Array.from(bytes);
}

export function bucketOf(no: number): number {
  return Math.floor(no / (SLOT_MASK + 1));
}

export function slotIn(no: number): number {
  return no % (SLOT_MASK + 1);
}
