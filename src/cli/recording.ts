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
  readonly #write: (lines: string) => void;
  readonly #onKept: (events: readonly KeptEvent[]) => void;
  readonly #open = new Map<number, Map<string, Counts>>();
  /** Windows written. */
  windows = 0;
  results = 0;

  constructor(
    inner: TaskStore,
    windowMs: number,
    write: (lines: string) => void,
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
    this.#writeBefore(commit.status.finalBefore ?? -Infinity);
    return answer;
  }

  /** Writes every window left: the replay is over. */
  finish(): void {
    this.#writeBefore(Infinity);
  }

  #writeBefore(start: number): void {
    const final = [...this.#open.keys()].filter((at) => at < start).sort((a, b) => a - b);
    for (const at of final) {
      const window = this.#open.get(at) as Map<string, Counts>;
      const products = [...window.keys()].sort(byBytes);
      const lines = products.map((product) => {
        const counts = window.get(product) as Counts;
        return `${JSON.stringify(resultOf(product, counts, this.#windowMs))}\n`;
      });
      this.#write(lines.join(''));
      this.#open.delete(at);
      this.windows++;
      this.results += lines.length;
    }
  }
}

/** Order of the UTF-8 bytes; UTF-16 order differs above U+FFFF. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
