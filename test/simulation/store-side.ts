/**
 * The store of the simulated world: the real store in memory at the other end of a network, with
 * weather of its own, that can go back in time. Every commit it takes is watched.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { emptyContent } from '../../src/stores/memory-content.ts';
import type { Change, Commit, CommitAnswer, TaskStore } from '../../src/stores/store.ts';
import type { Random } from '../support/random.ts';
import type { CallName } from './faults.ts';
import type { Network } from './network.ts';
import type { Process, Scheduler } from './scheduler.ts';
import { StoreLine } from './store-line.ts';
import type { Watch } from './watch.ts';

type Weather = 'disk full' | 'slow store' | 'store away';
type Snapshot = {
  content: ReturnType<MemoryStore['snapshot']>;
  watches: ReturnType<Watch['snapshot']>[];
};

export class StoreSide {
  readonly store: MemoryStore;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #network: Network;
  readonly #watches: readonly Watch[];
  readonly #until = new Map<Weather, number>();
  readonly #onClaim: () => void;
  readonly #resultsPerCommit: number;
  /** Whether it takes a commit behind one that is on its way, as Redis does and SQLite does not. */
  readonly #takesBehind: boolean;
  /** Digest of each commit in flight, by fence and number: one sent again is the same. */
  readonly #frozen = new Map<string, number>();
  readonly #tokens = new Set<string>();
  /** What followers of the store were told, and what was committed since. */
  #told: Change[] = [];

  constructor(
    scheduler: Scheduler,
    random: Random,
    network: Network,
    watches: readonly Watch[],
    onClaim: () => void,
  ) {
    this.#onClaim = onClaim;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#network = network;
    this.#watches = watches;
    this.#resultsPerCommit = random.pick([2, 30, 1_000]);
    this.#takesBehind = this.#resultsPerCommit < 1_000;
    this.store = new MemoryStore({
      clock: scheduler.clockOf({ zeroMs: 0, wallJumpMs: 0 } as Process),
      incarnation: 'simulated',
      writer: 'engine',
      limits: LIMITS,
    });
    this.store.follow((change) => this.#told.push(change));
  }

  weather(kind: Weather, ms: number): void {
    this.#until.set(kind, this.#scheduler.nowMs + ms);
  }

  calm(): void {
    this.#until.clear();
  }

  snapshot(): Snapshot {
    const watches = this.#watches.map((watch) => watch.snapshot());
    return { content: this.store.snapshot(), watches };
  }

  /** Goes back to `snapshot`, or to nothing; says how many commits are gone. */
  rollback(snapshot: Snapshot | null): number {
    const numbers = () => this.#watches.reduce((sum, watch) => sum + watch.number, 0);
    const before = numbers();
    this.store.rollback(snapshot?.content ?? emptyContent());
    this.#watches.forEach((watch, n) => {
      watch.rollback(snapshot?.watches[n] ?? null);
    });
    return before - numbers();
  }

  /** The store as `process` reaches it. */
  link(process: Process): TaskStore {
    const line = new StoreLine((commit, execute) => {
      this.#mustBeFrozen(commit);
      return this.#call(process, 'commit', () => execute(() => this.#commit(commit)));
    });
    return {
      resultsPerCommit: this.#resultsPerCommit,
      claim: (task, token) => {
        this.#mustBeNew(token);
        return this.#call(process, 'claim', async () => {
          this.#onClaim();
          const fence = await this.store.claim(task, token);
          this.#watches[Number(task)]!.claimed(fence);
          return fence;
        });
      },
      read: (task) => this.#call(process, 'read', () => this.store.read(task)),
      commit: (commit) => line.commit(commit),
      ...(this.#takesBehind ? { commitBehind: (commit) => line.commitBehind(commit) } : {}),
    };
  }

  async #commit(commit: Commit): Promise<CommitAnswer> {
    const told: Change[] = [];
    this.#told = told;
    // It tells before it answers; another commit may come before that is heard.
    const answer = await this.store.commit(commit);
    if (answer.answer !== 'ok') return answer;
    this.#watches[Number(commit.task)]!.accepted(commit);
    const rows = told.flatMap((change) => change.rows.map(({ product }) => product));
    const published = commit.results.map(({ product }) => product);
    assert.deepEqual(rows, published, 'readers hear of what was committed, and of nothing else');
    return answer;
  }

  #call<T>(process: Process, name: CallName, execute: () => Promise<T>): Promise<T> {
    const isSlow = this.#isNow('slow store');
    const holdMs = isSlow ? this.#random.int(100, 1_800) : 0;
    const refusing = async () => {
      if (this.#isNow('store away'))
        throw new ClickrateError('store_unavailable', 'nobody answers there');
      if (name !== 'read' && this.#isNow('disk full'))
        throw new ClickrateError('store_full', 'the disk is full');
      return execute();
    };
    return this.#network.call(process, name, refusing, { holdMs });
  }

  #isNow(kind: Weather): boolean {
    return (this.#until.get(kind) ?? 0) > this.#scheduler.nowMs;
  }

  /** A claim is sent once: nobody knows whether one without an answer was heard. */
  #mustBeNew(token: string): void {
    if (this.#tokens.has(token)) this.#scheduler.fail(new Error(`${token} was sent twice`));
    this.#tokens.add(token);
  }

  #mustBeFrozen(commit: Commit): void {
    const key = `${commit.task} ${commit.token} ${commit.number}`;
    const digest = digestOf(commit);
    const before = this.#frozen.get(key);
    if (before !== undefined && before !== digest)
      this.#scheduler.fail(new Error(`commit ${commit.number} was sent again with other content`));
    this.#frozen.set(key, digest);
  }
}

/** Of what a commit says; of its parts only the bytes. */
function digestOf({ status, results, claims, removals, kept, parts }: Commit): number {
  const { partitions, watermark, ledger } = status;
  let sum = crc32(JSON.stringify([partitions, watermark, ledger, results, claims, removals]));
  for (const { offset } of kept) sum = (sum * 31 + offset) >>> 0;
  for (const { bytes } of parts) sum = crc32(bytes, sum);
  return sum;
}
