/** Appends that become durable in one transaction. */
import type { Limits } from '../../config.ts';
import { RowPacker } from './row.ts';

/** Where an append came to lie: offset of its first record, and its receive time. */
export type Appended = { offset: number; arrivalMs: number };

export type Group = {
  packer: RowPacker;
  /** Who waits for it: index of their first record in the group. */
  waiting: { index: number; resolve(appended: Appended): void; reject(error: unknown): void }[];
};

export function newGroup(limits: Limits): Group {
  return { packer: new RowPacker(limits), waiting: [] };
}
