/**
 * A store that also writes the final results of a replay: NDJSON, sorted by window start, then by
 * the bytes of the product id. A window is written once no event can revise it.
 */
import { type Counts, resultOf } from '../result.ts';
import type { KeptEvent } from '../status.ts';
import type { Commit, CommitAnswer, Fence, TaskState, TaskStore } from '../stores/store.ts';

export class RecordingStore implements TaskStore {
  readonly resultsPerCommit: number;
  readonly #inner: TaskStore;
  readonly #windowMs: number;
  readonly #write: ((lines: string) => void) | null;
  readonly #onKept: (events: readonly KeptEvent[]) => void;
  readonly #open = new Map<number, Map<string, Counts>>();

  /** `write` null: nobody wants results, and none are kept until they are final. */
  constructor(
    inner: TaskStore,
    windowMs: number,
    write: ((lines: string) => void) | null,
    onKept: (events: readonly KeptEvent[]) => void = () => {},
  ) {
    this.#inner = inner;
    this.#windowMs = windowMs;
    this.#write = write;
    this.#onKept = onKept;
    this.resultsPerCommit = inner.resultsPerCommit;
  }

  claim(task: string, token: string): Promise<Fence> {
    return this.#inner.claim(task, token);
  }

  read(task: string): Promise<TaskState> {
    return this.#inner.read(task);
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    const answer = await this.#inner.commit(commit);
    if (answer.answer === 'fenced') return answer;
    this.#onKept(commit.kept);
    if (this.#write !== null) this.#record(commit, this.#write);
    return answer;
  }

  /** Writes every window left: the replay is over. */
  finish(): void {
    if (this.#write !== null) this.#writeBefore(Infinity, this.#write);
  }

  #record(commit: Commit, write: (lines: string) => void): void {
    for (const { product, cells } of commit.results) {
      for (const cell of cells) {
        let window = this.#open.get(cell.start);
        if (window === undefined) {
          window = new Map();
          this.#open.set(cell.start, window);
        }
        window.set(product, cell);
      }
    }
    this.#writeBefore(commit.status.finalBefore ?? -Infinity, write);
  }

  #writeBefore(start: number, write: (lines: string) => void): void {
    const final = [...this.#open.keys()].filter((at) => at < start).sort((a, b) => a - b);
    for (const at of final) {
      const window = this.#open.get(at) as Map<string, Counts>;
      const products = inByteOrder([...window.keys()]);
      const lines = products.map((product) => {
        const counts = window.get(product) as Counts;
        return `${JSON.stringify(resultOf(product, counts, this.#windowMs))}\n`;
      });
      write(lines.join(''));
      this.#open.delete(at);
    }
  }
}

/** From here on UTF-16 units are not in the order of UTF-8 bytes: surrogates come too early. */
const BEYOND = /[\ud800-\uffff]/;

/** Sorts by the bytes of UTF-8. To make bytes of each to compare takes ten times as long. */
function inByteOrder(products: string[]): string[] {
  return products.some((product) => BEYOND.test(product))
    ? products.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    : products.sort();
}
