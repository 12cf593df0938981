/** Appends that become durable in one transaction. */
import type { Limits } from '../../config.ts';
import { RowPacker } from './row.ts';

export type Group = {
  packer: RowPacker;
  /** Who waits for it: index of their first record in the group. */
  waiting: {
    index: number;
    resolve(appended: { offset: number; arrivalMs: number }): void;
    reject(error: unknown): void;
  }[];
};

export function newGroup(limits: Limits): Group {
  return { packer: new RowPacker(limits), waiting: [] };
}
