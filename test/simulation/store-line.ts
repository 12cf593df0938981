/**
 * Commits as a store takes them over one connection: in the order in which they were sent, one
 * right behind another if its owner wants it so. What never arrives holds up nobody for ever.
 */
import { ClickrateError } from '../../src/errors.ts';
import type { Commit, CommitAnswer } from '../../src/stores/store.ts';

/** `arrived` ends when the store has looked at it, or its sender has given it up. */
type Sent = { commit: Commit; arrived: Promise<void>; answered: Promise<CommitAnswer> };

/** Sends a commit, which is carried out by `execute`; what comes back is its answer. */
export type Send = (
  commit: Commit,
  execute: (take: () => Promise<CommitAnswer>) => Promise<CommitAnswer>,
) => Promise<CommitAnswer>;

export class StoreLine {
  readonly #send: Send;
  readonly #last = new Map<string, Sent>();

  constructor(send: Send) {
    this.#send = send;
  }

  commit(commit: Commit): Promise<CommitAnswer> {
    return this.#after(commit, Promise.resolve());
  }

  commitBehind(commit: Commit): Promise<CommitAnswer> | null {
    const before = this.#last.get(commit.task);
    if (before?.commit.number !== commit.number - 1) return null;
    return behind(before.answered, this.#after(commit, before.arrived));
  }

  #after(commit: Commit, before: Promise<void>): Promise<CommitAnswer> {
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const answered = this.#send(commit, async (take) => {
      await before;
      return take().finally(arrive);
    });
    answered.then(arrive, arrive);
    this.#last.set(commit.task, { commit, arrived, answered });
    return answered;
  }
}

/** Nothing is taken behind one that was not. */
async function behind(before: Promise<CommitAnswer>, own: Promise<CommitAnswer>) {
  const [first, answer] = await Promise.allSettled([before, own]);
  if (first.status === 'rejected' || first.value.answer === 'fenced')
    throw new ClickrateError('store_unavailable', 'the commit before it was not taken');
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}
