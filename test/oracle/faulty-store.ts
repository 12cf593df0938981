/**
 * A store that fails as a remote one does: calls that never arrive, answers that get lost, slow
 * answers, and a process that dies on either side of a call. It records what was truly committed.
 */
import { createHash } from 'node:crypto';
import { ClickrateError } from '../../src/errors.ts';
import type { Commit, CommitAnswer, Fence, TaskState, TaskStore } from '../../src/stores/store.ts';
import type { Random } from '../support/random.ts';

/** The process dies here: nothing may catch and retry it. */
export class Crash extends Error {}

export type FaultRates = {
  /** Share of calls that fail, before or after they took effect. */
  fail: number;
  /** Share of calls at which the process dies, before or after they took effect. */
  crash: number;
  /** Share of calls whose answer comes some turns of the event loop later. */
  slow: number;
};

export class FaultyStore implements TaskStore {
  readonly resultsPerCommit: number;
  #inner: TaskStore;
  #random: Random;
  #rates: FaultRates;
  #onCommitted: (commit: Commit) => void;
  /** Digest of a commit that was sent and not answered, by fence and number. */
  #frozen = new Map<string, string>();

  constructor(
    inner: TaskStore,
    random: Random,
    rates: FaultRates,
    onCommitted: (commit: Commit) => void,
  ) {
    this.#inner = inner;
    this.#random = random;
    this.#rates = rates;
    this.#onCommitted = onCommitted;
    this.resultsPerCommit = random.pick([1, 3, 1_000]);
  }

  claim(task: string, token: string): Promise<Fence> {
    return this.#call(() => this.#inner.claim(task, token));
  }

  read(task: string): Promise<TaskState> {
    return this.#call(() => this.#inner.read(task));
  }

  commit(commit: Commit): Promise<CommitAnswer> {
    const key = `${commit.epoch} ${commit.token} ${commit.number}`;
    const digest = digestOf(commit);
    if ((this.#frozen.get(key) ?? digest) !== digest)
      throw new Error(`commit ${commit.number} was sent again with other content`);
    this.#frozen.set(key, digest);
    return this.#call(async () => {
      const answer = await this.#inner.commit(commit);
      if (answer.answer === 'ok') this.#onCommitted(commit);
      return answer;
    });
  }

  async #call<T>(inner: () => Promise<T>): Promise<T> {
    await this.#fault();
    const answer = await inner();
    await this.#fault();
    return answer;
  }

  async #fault(): Promise<void> {
    const { fail, crash, slow } = this.#rates;
    const random = this.#random;
    if (random.chance(slow))
      for (let turns = random.int(1, 4); turns > 0; turns--) await new Promise(setImmediate);
    if (random.chance(fail / 2)) throw new ClickrateError('store_unavailable', 'a planned fault');
    if (random.chance(crash / 2)) throw new Crash('a planned crash at the store');
  }
}

function digestOf(commit: Commit): string {
  const hash = createHash('sha1');
  const bytes = (_: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  return hash.update(JSON.stringify(commit, bytes)).digest('hex');
}
