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
/**
 * A page that has been hidden for this long lets go of its stream: a browser has six connections to
 * a host, so six forgotten tabs would leave none for anything else.
 */
const HIDDEN_MS = 60_000;
const PAUSED = new Error('the page is hidden');
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 10_000];

export class Link {
  readonly #url: string;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #onState: (state: LinkState) => void;
  #lastId: string | null = null;
  #failures = 0;
  #wake: () => void = () => {};
  /** Ends the connection there is. */
  #abort = new AbortController();
  #isPaused = false;
  #hiddenFor = 0;

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
    for (;;) {
      this.#onState({ phase: 'connecting' });
      while (this.#isPaused) await this.#woken();
      await this.#tries();
    }
  }

  /** Ends the wait for the next try. */
  retryNow(): void {
    this.#wake();
  }

  /** Lets go of the stream when the page stays hidden, and goes on from there when it is shown. */
  setHidden(isHidden: boolean): void {
    clearTimeout(this.#hiddenFor);
    if (isHidden) this.#hiddenFor = window.setTimeout(() => this.#pause(true), HIDDEN_MS);
    else this.#pause(false);
  }

  #pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) this.#abort.abort(PAUSED);
    this.#wake();
  }

  /** Reads, and tries again after each failure, until the page is hidden for long. */
  async #tries(): Promise<void> {
    while (!this.#isPaused) {
      const failure = await this.#read().catch((error: unknown) => error);
      if (this.#abort.signal.reason === PAUSED) return;
      const why = failure instanceof Error ? failure.message : 'the server closed the connection';
      const waitMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]!;
      this.#failures++;
      this.#onState({ phase: 'lost', why, retryAtMs: Date.now() + waitMs });
      await this.#woken(waitMs);
    }
  }

  #woken(atLatestMs?: number): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (atLatestMs !== undefined) setTimeout(resolve, atLatestMs);
    });
  }

  async #read(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
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
