/** A task's owner in a test of a store, and what a test of a store looks like. */
import type { Commit, Fence, TaskStore } from '../../src/stores/store.ts';
import type { SimClock } from '../support/sim-clock.ts';
import { commitOf } from './commits.ts';
import type { Harness, HarnessOptions } from './harness.ts';

export type Example = (
  title: string,
  body: (harness: Harness, clock: SimClock) => Promise<void>,
  options?: Partial<HarnessOptions>,
) => unknown;

/** A task's owner: gives its commits their numbers. */
export class Owner {
  readonly task: string;
  readonly fence: Fence;
  readonly #harness: Harness;
  number: number;

  constructor(harness: Harness, task: string, fence: Fence, number: number) {
    this.#harness = harness;
    this.task = task;
    this.fence = fence;
    this.number = number;
  }

  /** The next commit, not sent. */
  build(content: Partial<Commit> = {}): Commit {
    return commitOf(this.task, this.fence, ++this.number, content);
  }

  /** Every second one behind the one before, which was answered: as a pipeline does it. */
  async send(content: Partial<Commit> = {}) {
    const { store } = this.#harness;
    const commit = this.build(content);
    const behind = commit.number % 2 === 0 ? store.commitBehind?.(commit) : null;
    return (await behind?.catch(() => null)) ?? store.commit(commit);
  }
}

/** Turns in which a commit whose products are known gets on its way; it is not answered yet. */
const TURNS = 20;

/** Two commits at once, the second right behind the first where the store takes it so. */
export async function pairOf(store: TaskStore, first: Commit, second: Commit) {
  const one = store.commit(first);
  for (let n = 0; n < TURNS; n++) await null;
  const behind = store.commitBehind?.(second) ?? null;
  const two = behind ?? one.then(() => store.commit(second));
  return { isBehind: behind !== null, answers: await Promise.allSettled([one, two]) };
}

let tokens = 0;

export async function owner(harness: Harness, task = 'a'): Promise<Owner> {
  const fence = await harness.store.claim(task, `token-${++tokens}`);
  const { number } = await harness.store.read(task);
  return new Owner(harness, task, fence, number);
}
