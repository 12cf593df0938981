/** What a repair does about one thing that is damaged, in words and numbers. */
export type Step = {
  /** What is damaged. */
  what: string;
  /** What is done about it. */
  does: string;
  /** What is lost by it. */
  lost: string;
};

export const NOTHING = 'nothing';

/** `3 events`, `1 event`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** A repair works on a copy in this directory, which is of no use afterwards. */
export const COPY_NAME = 'repair-copy';

/** What was damaged is kept under this name. */
export function damagedName(nowMs: number): string {
  return `damaged-${new Date(nowMs).toISOString().replace(/[:.]/g, '-')}`;
}

/** What a person reads. */
export function textOf(steps: readonly Step[], isDry: boolean): string {
  if (steps.length === 0) return 'nothing is damaged\n';
  const done = isDry ? 'would be done' : 'done';
  return steps
    .map(({ what, does, lost }) => `damaged: ${what}\n  ${done}: ${does}\n  lost: ${lost}\n`)
    .join('');
}
