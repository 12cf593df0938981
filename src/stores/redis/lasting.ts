/**
 * A client of Redis that is made when it is needed and made anew after it broke. What is asked is
 * sent once or not at all: nothing waits in a queue while Redis is away, and what has no answer in
 * time breaks the client, so that no later call waits behind it.
 */
import { ErrorReply } from '@redis/client';
import { ClickrateError } from '../../errors.ts';
import { isNoPrimary, storeError } from './errors.ts';

/** What a client must offer; it says `error` when it broke. */
export type Breakable = {
  connect(): Promise<unknown>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  readonly isOpen: boolean;
  destroy(): void;
};

/** A client from its first try to connect until it breaks; then what broke it. */
type Link<C> = { ready: Promise<C>; client: C; broken?: unknown };

function closed(): ClickrateError {
  return new ClickrateError('store_unavailable', 'the store is closed');
}

export class Lasting<C extends Breakable> {
  readonly #make: () => C;
  /** Host and port, for sentences. */
  readonly #where: string;
  readonly #onDrop: (why: unknown) => void;
  #link: Link<C> | null = null;
  #closed = false;

  /** Makes nothing yet. `onDrop` is told why the client is left that was asked last. */
  constructor(make: () => C, where: string, onDrop: (why: unknown) => void) {
    this.#make = make;
    this.#where = where;
    this.#onDrop = onDrop;
  }

  /** What `body` answers in time. Throws as `storeError` says. */
  async call<T>(timeoutMs: number, body: (client: C) => Promise<T>): Promise<T> {
    if (this.#closed) throw closed();
    this.#link ??= this.#open();
    const link = this.#link;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([link.ready.then(body), late]);
    } catch (error) {
      // The address may be that of another server by now: one that cannot write is left.
      if (!(error instanceof ErrorReply) || isNoPrimary(error)) this.#drop(link, error);
      // Calls that end with a client hear from it only that it was ended.
      throw storeError(error instanceof ErrorReply ? error : link.broken, this.#where);
    } finally {
      clearTimeout(timer);
    }
  }

  #open(): Link<C> {
    const client = this.#make();
    const link: Link<C> = { client, ready: client.connect().then(() => client) };
    // The calls under way are told by themselves; the next one connects anew.
    client.on('error', (error) => this.#drop(link, error));
    link.ready.catch((error) => this.#drop(link, error));
    return link;
  }

  #drop(link: Link<C>, why: unknown): void {
    link.broken ??= why;
    if (link.client.isOpen) link.client.destroy();
    if (this.#link !== link) return;
    this.#link = null;
    this.#onDrop(why);
  }

  /** Ends the client at once: calls under way fail with `why`, the next one connects anew. */
  leave(why: unknown): void {
    if (this.#link !== null) this.#drop(this.#link, why);
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true;
    this.leave(closed());
  }
}
