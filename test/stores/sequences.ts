/**
 * Random sequences on a store: claims, commits, resends, closings spread over commits, stale
 * owners, two tasks that want the same products, rollbacks, restarts. Every answer is held against
 * the rules of the fence and of claims, written down here once more; all content, against memory.
 */
import assert from 'node:assert/strict';
import type { ProductResult } from '../../src/result.ts';
import type { Commit, CommitAnswer, Fence } from '../../src/stores/store.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, contentOf, countsOf, keptOf, START } from './commits.ts';
import { type Harness, type HarnessFactory, MemoryHarness } from './harness.ts';
import { pairOf } from './owner.ts';

const TASKS = ['a', 'b'];
const PRODUCTS = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'a\0b', '__proto__', 'ü'];
const LIMITS = {
  historyKeep: { windowsMs: 60_000, minutesMs: 120_000, quartersMs: 1_800_000 },
  keptMs: 20_000,
  keptTotalBytes: 1_500,
};

/** What the fence and the claims look like to somebody who only knows the rules. */
type Rules = {
  tasks: Map<string, Fence & { number: number; applied: string[] }>;
  owners: Map<string, string>;
};

type Snapshot = { rules: Rules; model: unknown; subject: unknown; tokens: number };
type Owner = { task: string; fence: Fence; number: number; last: Commit[] };

const identity = ({ epoch, token, number }: Commit) => `${epoch} ${token} ${number}`;

function expectedAnswer({ tasks, owners }: Rules, commit: Commit): CommitAnswer {
  const row = tasks.get(commit.task);
  if (row === undefined || row.epoch !== commit.epoch || row.token !== commit.token)
    return { answer: 'fenced' };
  const isNext = commit.number === row.number + 1;
  if (!isNext && !row.applied.includes(identity(commit))) return { answer: 'fenced' };
  if (isNext) {
    row.number++;
    row.applied = [identity(commit), ...row.applied].slice(0, 2);
    for (const name of commit.removals) if (owners.get(name) === commit.task) owners.delete(name);
    for (const name of commit.claims) if (!owners.has(name)) owners.set(name, commit.task);
  }
  const heldElsewhere = commit.claims.filter((name) => owners.get(name) !== commit.task);
  return { answer: isNext ? 'ok' : 'duplicate', heldElsewhere };
}

class Sequence {
  readonly #random: Random;
  readonly #clock = new SimClock(START);
  readonly #model: Harness;
  readonly #subject: Harness;
  readonly #tally: Map<string, number>;
  #rules: Rules = { tasks: new Map(), owners: new Map() };
  #owners: Owner[] = [];
  #snapshots: Snapshot[] = [];
  #tokens = 0;
  #window = 0;

  constructor(random: Random, open: HarnessFactory, tally: Map<string, number>) {
    this.#random = random;
    this.#tally = tally;
    this.#model = new MemoryHarness({ clock: this.#clock, limits: LIMITS });
    this.#subject = open({ clock: this.#clock, limits: LIMITS });
  }

  async run(): Promise<void> {
    try {
      await this.#claim('a');
      const steps = this.#random.int(5, 30);
      for (let step = 0; step < steps; step++) {
        await this.#step();
        if (this.#random.chance(0.1)) await this.#compare();
      }
      await this.#compare();
    } finally {
      await this.#model.close();
      await this.#subject.close();
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    const draw = random.fraction();
    const current = this.#owners.filter(({ task, fence }) => {
      const row = this.#rules.tasks.get(task);
      return row?.epoch === fence.epoch && row.token === fence.token;
    });
    const any = random.pick(this.#owners);
    const owner = current.length > 0 ? random.pick(current) : any;
    if (draw < 0.12) await this.#claim(random.pick(TASKS));
    else if (draw < 0.52) await this.#commit(owner);
    else if (draw < 0.62) await this.#resend(any);
    else if (draw < 0.72) await this.#closing(owner);
    else if (draw < 0.78) await this.#pair(owner);
    else if (draw < 0.8) await this.#pair(any);
    else if (draw < 0.83) await this.#commit(any);
    else if (draw < 0.85) await this.#outOfTurn(any);
    else if (draw < 0.9) await this.#snapshot();
    else if (draw < 0.94) await this.#rollback();
    else if (draw < 0.97) await this.#reopen();
    else this.#clock.advance(random.int(0, 15_000));
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  async #claim(task: string): Promise<void> {
    const token = `token-${++this.#tokens}`;
    const answers = [];
    for (const { store } of [this.#model, this.#subject])
      answers.push(await store.claim(task, token));
    const before = this.#rules.tasks.get(task);
    const fence = { epoch: (before?.epoch ?? 0) + 1, token };
    assert.deepEqual(answers, [fence, fence]);
    this.#rules.tasks.set(task, { ...fence, number: before?.number ?? 0, applied: [] });
    this.#owners.push({ task, fence, number: before?.number ?? 0, last: [] });
    this.#count('claim');
  }

  async #send(commit: Commit): Promise<string> {
    return this.#check(commit, await this.#subject.store.commit(commit));
  }

  async #check(commit: Commit, answer: CommitAnswer): Promise<string> {
    const expected = expectedAnswer(this.#rules, commit);
    assert.deepEqual(answer, expected);
    await this.#subject.folded();
    assert.deepEqual(await this.#model.store.commit(structuredClone(commit)), expected);
    this.#count(expected.answer);
    if (expected.answer !== 'fenced' && expected.heldElsewhere.length > 0)
      this.#count('held elsewhere');
    return expected.answer;
  }

  #next(owner: Owner, results?: ProductResult[]): Commit {
    const commit = commitOf(owner.task, owner.fence, ++owner.number, this.#content(results));
    owner.last = [commit, ...owner.last].slice(0, 2);
    return commit;
  }

  /** The owner's next commit; when it is fenced, the task is mostly claimed again. */
  async #commit(owner: Owner, results?: ProductResult[]): Promise<void> {
    const answer = await this.#send(this.#next(owner, results));
    if (answer === 'fenced' && this.#random.chance(0.5)) await this.#claim(owner.task);
  }

  /** The owner's next two at once, of one window: Redis folds behind both, memory behind each. */
  async #pair(owner: Owner): Promise<void> {
    const window = this.#window;
    const own = PRODUCTS.filter((name) => this.#rules.owners.get(name) === owner.task);
    const ofWindow = (products: readonly string[]) =>
      products.map((product) => {
        const latest = countsOf(window, this.#random.int(0, 300), this.#random.int(0, 300));
        return { product, latest, previous: null, cells: [latest] };
      });
    // Numbers of these are known then, as of all that a task has published.
    await this.#commit(owner, ofWindow(own));
    const first = this.#next(owner, ofWindow(this.#some(own)));
    const second = this.#next(owner, ofWindow(this.#some(own)));
    if (this.#random.chance(0.8)) second.claims = second.removals = [];
    const { isBehind, answers } = await pairOf(this.#subject.store, first, second);
    const [one, two] = answers.map((settled) =>
      settled.status === 'fulfilled' ? settled.value : null,
    );
    assert.ok(one !== null, 'the first is answered');
    const answer = await this.#check(first, one);
    this.#count(isBehind ? 'right behind' : 'one after the other');
    if (!isBehind || answer !== 'fenced') await this.#check(second, two as CommitAnswer);
    else assert.equal(two, null, 'nothing is taken behind a commit that was fenced');
  }

  async #resend({ last }: Owner): Promise<void> {
    if (last.length > 0) await this.#send(this.#random.pick(last));
  }

  /** A number that is neither the next nor the last. */
  async #outOfTurn({ task, fence, number }: Owner): Promise<void> {
    const wrong = number + this.#random.pick([-2, -1, 2, 3]);
    await this.#send(commitOf(task, fence, wrong, this.#content()));
  }

  /** Results of all products, a few a commit, with other things happening in between. */
  async #closing(owner: Owner): Promise<void> {
    const random = this.#random;
    this.#window++;
    const results = random.shuffle(PRODUCTS).map((product) => this.#result(product));
    while (results.length > 0) {
      await this.#commit(owner, results.splice(0, random.int(1, 4)));
      if (random.chance(0.2)) await this.#resend(owner);
      if (random.chance(0.1)) await this.#claim(random.pick(TASKS));
    }
    this.#count('closing');
  }

  async #snapshot(): Promise<void> {
    this.#snapshots.push({
      rules: structuredClone(this.#rules),
      model: await this.#model.snapshot(),
      subject: await this.#subject.snapshot(),
      tokens: this.#tokens,
    });
  }

  async #rollback(): Promise<void> {
    const snapshot = this.#snapshots.pop();
    if (snapshot === undefined) return;
    await this.#compare();
    this.#rules = snapshot.rules;
    await this.#model.rollback(snapshot.model);
    await this.#subject.rollback(snapshot.subject);
    this.#count('rollback');
  }

  async #reopen(): Promise<void> {
    await this.#model.reopen();
    await this.#subject.reopen();
    this.#count('reopen');
  }

  #some<T>(items: readonly T[]): T[] {
    return items.filter(() => this.#random.chance(0.3));
  }

  #result(product: string): ProductResult {
    const random = this.#random;
    const counts = (n: number) => countsOf(n, random.pick([0, 1, 200, 70_000]), random.int(0, 300));
    const latest = counts(this.#window - random.int(0, 1));
    const older = random.chance(0.5) ? counts(this.#window - random.int(2, 12)) : null;
    const cells = older === null || random.chance(0.5) ? [latest] : [older, latest];
    return { product, latest, previous: older, cells };
  }

  #content(results?: ProductResult[]): Partial<Commit> {
    const random = this.#random;
    const now = this.#clock.wallMs();
    if (random.chance(0.3)) this.#window += random.int(1, 3);
    const names = ['block/0', 'block/1', 'ids'];
    const bytes = () => Buffer.from(random.hex(random.int(0, 12)));
    const kept = random.chance(0.2)
      ? [keptOf(random.int(0, 99), now - random.int(0, 5_000), random.hex(random.int(0, 400)))]
      : [];
    return {
      parts: this.#some(names).map((name) => ({ name, bytes: bytes() })),
      removedParts: random.chance(0.2) ? this.#some(names) : [],
      removals: random.chance(0.2) ? this.#some(PRODUCTS) : [],
      claims: random.chance(0.5) ? this.#some(PRODUCTS) : [],
      results:
        results ?? (random.chance(0.6) ? this.#some(PRODUCTS).map((p) => this.#result(p)) : []),
      kept,
      comebacks: random.chance(0.1) ? [{ partition: 'p', offset: 1, watermark: -now }] : [],
    };
  }

  async #compare(): Promise<void> {
    const found = await contentOf(this.#subject.store, TASKS, PRODUCTS);
    assert.deepEqual(found, await contentOf(this.#model.store, TASKS, PRODUCTS));
    await this.#subject.settled();
    const stream = ({ changes }: Harness) => changes.map(({ incarnation: _, ...rest }) => rest);
    assert.deepEqual(stream(this.#subject), stream(this.#model));
    assert.ok(new Set(this.#subject.changes.map(({ incarnation }) => incarnation)).size <= 1);
    this.#count('compared');
  }
}

/** Runs sequences with seeds from `seed` on; a failure names the seed that repeats it. */
export async function randomSequences(seed: number, runs: number, open: HarnessFactory) {
  const tally = new Map<string, number>();
  for (let run = 0; run < runs; run++) {
    try {
      await new Sequence(new Random(seed + run), open, tally).run();
    } catch (error) {
      throw new Error(`sequence of CLICKRATE_SEED=${seed + run} failed`, { cause: error });
    }
  }
  const counts = [...tally].sort().map(([what, count]) => `${what} ${count}`);
  return { tally, summary: `${runs} sequences from seed ${seed}: ${counts.join(', ')}` };
}
