/**
 * Commits on their way: the rows of one are made while the one before it is written, and it is sent
 * right behind. Redis takes what comes over a connection in its order, and the fence takes no
 * number whose predecessor is missing, so one behind another that failed writes nothing.
 */
import type { Clock } from '../../clock.ts';
import type { Limits } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { Commit, CommitAnswer } from '../store.ts';
import { type CommitTerms, type Prepared, prepared, sendCommit } from './commit.ts';
import type { Connection } from './connection.ts';
import { Products } from './products.ts';
import { Rooms, type RowBytes } from './rows.ts';
import { SentRows } from './sent-rows.ts';

export type CommitsParts = {
  connection: Connection;
  clock: Clock;
  writer: string;
  limits: Limits;
};

/** The last commit of a task that was sent, and what the script says, or said, to it. */
type Sent = { number: number; token: string; answered: Promise<string[]> };

export class Commits {
  readonly #parts: CommitsParts;
  readonly sent = new SentRows();
  readonly #products = new Products();
  readonly #rooms = new Rooms();
  /** What was made of commits that are not answered yet. */
  readonly #prepared = new WeakMap<Commit, Prepared & { room: RowBytes }>();
  readonly #sent = new Map<string, Sent>();

  constructor(parts: CommitsParts) {
    this.#parts = parts;
  }

  async send(commit: Commit): Promise<CommitAnswer> {
    const { connection, clock, writer, limits } = this.#parts;
    const ready = this.#prepared.get(commit);
    const terms: CommitTerms = {
      writer,
      limits,
      nowMs: clock.wallMs(),
      products: this.#products,
      sent: this.sent,
      room: ready?.room ?? this.#rooms.take(),
      ...(ready === undefined ? {} : { prepared: ready }),
      onSent: (answered) => this.#note(commit, answered),
    };
    const answer = await sendCommit(connection, commit, terms);
    // Without an answer the same bytes may be sent once more.
    this.#prepared.delete(commit);
    this.#rooms.give(terms.room);
    return answer;
  }

  /** As `TaskStore.commitBehind` says. */
  sendBehind(commit: Commit): Promise<CommitAnswer> | null {
    const room = this.#rooms.take();
    const ready = prepared(commit, this.#products, room);
    this.#prepared.set(commit, { ...ready, room });
    const before = this.#sent.get(commit.task);
    const isNext = before?.number === commit.number - 1;
    // Who has to ask for numbers first would be overtaken.
    if (!isNext || before.token !== commit.token || ready.numbered === null) return null;
    return behind(before.answered, this.send(commit));
  }

  /** Nothing else of the commit is held: it may be large, and a task's next one far away. */
  #note({ task, number, token }: Commit, answered: Promise<string[]>): void {
    const sent = { number, token, answered };
    this.#sent.set(task, sent);
    answered.catch(() => {
      if (this.#sent.get(task) === sent) this.#sent.delete(task);
    });
  }
}

/** Behind one that failed the fence refuses all: that is told as what it is. */
async function behind(
  before: Promise<string[]>,
  own: Promise<CommitAnswer>,
): Promise<CommitAnswer> {
  const [first, answer] = await Promise.allSettled([before, own]);
  if (first.status === 'rejected' || first.value[0] === 'fenced')
    throw new ClickrateError('store_unavailable', 'the commit before it was not taken');
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}
