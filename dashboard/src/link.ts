/**
 * The connection to `/v1/stream`. Read with fetch rather than EventSource, which neither says when
 * it tries again nor notices a connection that has gone silent.
 */
import { EventParser, type ServerEvent } from './events.ts';

export type LinkState =
  | { phase: 'connecting' }
  | { phase: 'live' }
  | { phase: 'lost'; why: string; retryAtMs: number };

/** Without a byte for this long (the server sends one each 15 s) the connection is dead. */
const SILENT_MS = 40_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 10_000];

export class Link {
  readonly #url: string;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #onState: (state: LinkState) => void;
  #lastId: string | null = null;
  #failures = 0;
  #wake: () => void = () => {};

  constructor(
    url: string,
    onEvent: (event: ServerEvent) => void,
    onState: (state: LinkState) => void,
  ) {
    this.#url = url;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  /** Never ends; resumes from the last event that arrived whole. */
  async run(): Promise<never> {
    this.#onState({ phase: 'connecting' });
    for (;;) {
      let why = 'the server closed the connection';
      try {
        await this.#read();
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      const waitMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]!;
      this.#failures++;
      this.#onState({ phase: 'lost', why, retryAtMs: Date.now() + waitMs });
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, waitMs);
      });
    }
  }

  /** Ends the wait for the next try. */
  retryNow(): void {
    this.#wake();
  }

  async #read(): Promise<void> {
    const abort = new AbortController();
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = window.setTimeout(
        () => abort.abort(new Error('the connection has gone silent')),
        SILENT_MS,
      );
    };
    alive();
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (this.#lastId !== null) headers['last-event-id'] = this.#lastId;
      const answer = await fetch(this.#url, { headers, signal: abort.signal, cache: 'no-store' });
      if (!answer.ok || answer.body === null)
        throw new Error(`the server answered ${answer.status}`);
      await this.#events(answer.body, alive);
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }

  async #events(body: ReadableStream<Uint8Array>, alive: () => void): Promise<void> {
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        this.#failures = 0;
        this.#onState({ phase: 'live' });
        this.#onEvent(event);
        if (event.id !== null) this.#lastId = event.id;
      }
    }
  }
}
