/** Bytes of bodies that are held for requests under way: many at once must not fill the memory. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClickrateError } from '../errors.ts';

type Payload = NodeJS.ReadableStream;

/** What is held for one request. */
export type Hold = {
  /** Counts `bytes` more; throws `journal_full`, and counts nothing, where they do not fit. */
  take(bytes: number): void;
  giveBack(bytes: number): void;
};
type Body = { bytes: number; isUsed: boolean; isAnswered: boolean };

export class UnderWay {
  readonly #maxBytes: number;
  readonly #bodies = new WeakMap<FastifyRequest, Body>();
  /** Bytes held now. */
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counts what comes of a body until it is answered; the one that is too much is refused. */
  watch(request: FastifyRequest, reply: FastifyReply, payload: Payload): void {
    const body = { bytes: 0, isUsed: false, isAnswered: false };
    this.#bodies.set(request, body);
    payload.on('data', (chunk: Buffer) => {
      // What still comes of a body that was refused is thrown away: who is cut off while it sends
      // sees a broken connection, and not why.
      if (body.isAnswered) return;
      this.#add(body, chunk.length);
      if (this.bytes <= this.#maxBytes || reply.sent) return;
      payload.emit('error', new ClickrateError('journal_full', TOO_MANY));
    });
    reply.raw.once('close', () => {
      body.isAnswered = true;
      if (!body.isUsed) this.#add(body, -body.bytes);
    });
  }

  /** Runs `use` on a body that has come: held until then, though its sender may leave before. */
  async during(request: FastifyRequest, use: (hold: Hold) => Promise<void>): Promise<void> {
    const body = this.#bodies.get(request)!;
    body.isUsed = true;
    try {
      await use({
        take: (bytes) => {
          if (this.bytes + bytes > this.#maxBytes)
            throw new ClickrateError('journal_full', TOO_MANY);
          this.#add(body, bytes);
        },
        giveBack: (bytes) => this.#add(body, -bytes),
      });
    } finally {
      this.#add(body, -body.bytes);
    }
  }

  #add(body: Body, bytes: number): void {
    body.bytes += bytes;
    this.bytes += bytes;
  }
}

const TOO_MANY = 'too many bodies are on their way at once';
