/**
 * What a server answers, in the second version of its protocol, put together from the pieces it
 * comes in. Layout: redis.io/docs/latest/develop/reference/protocol-spec.
 */
import { ErrorReply } from '@redis/client';

export type Reply = string | number | null | ErrorReply | Reply[];

/** Most bytes of a reply that is not whole yet; those to commits are far smaller. */
const MOST_HELD_BYTES = 67_108_864;
const [LINE, ERROR, NUMBER, TEXT, LIST] = Buffer.from('+-:$*');
const RETURN = 0x0d;

export class Replies {
  readonly #mostHeldBytes: number;
  #held: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(mostHeldBytes = MOST_HELD_BYTES) {
    this.#mostHeldBytes = mostHeldBytes;
  }

  /** The replies that `bytes` make whole. Throws for what is no reply, or far too long. */
  take(bytes: Buffer): Reply[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const whole: Reply[] = [];
    let end = 0;
    this.#at = 0;
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      whole.push(reply);
      end = this.#at;
    }
    this.#held = this.#held.subarray(end);
    if (this.#held.length > this.#mostHeldBytes) throw new Error('Redis sent a reply without end');
    return whole;
  }

  /** Undefined where it is not whole. */
  #next(): Reply | undefined {
    const kind = this.#held[this.#at];
    const line = this.#line();
    if (line === null) return undefined;
    if (kind === LINE) return line;
    if (kind === ERROR) return new ErrorReply(line);
    if (kind === NUMBER) return Number(line);
    if (kind === TEXT) return this.#text(Number(line));
    if (kind === LIST) return this.#list(Number(line));
    throw new Error('Redis sent what is no reply');
  }

  /** Without its first letter. */
  #line(): string | null {
    const end = this.#held.indexOf(RETURN, this.#at);
    if (end < 0 || end + 2 > this.#held.length) return null;
    const line = this.#held.toString('utf8', this.#at + 1, end);
    this.#at = end + 2;
    return line;
  }

  #text(length: number): string | null | undefined {
    if (length < 0) return null;
    const start = this.#at;
    if (start + length + 2 > this.#held.length) return undefined;
    this.#at = start + length + 2;
    return this.#held.toString('utf8', start, start + length);
  }

  #list(length: number): Reply[] | null | undefined {
    if (length < 0) return null;
    const list: Reply[] = [];
    while (list.length < length) {
      const reply = this.#next();
      if (reply === undefined) return undefined;
      list.push(reply);
    }
    return list;
  }
}
