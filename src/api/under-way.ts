/** Bytes of bodies that are held for requests under way: many at once must not fill the memory. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error.ts';

type Payload = NodeJS.ReadableStream;

export class UnderWay {
  readonly #maxBytes: number;
  /** Bytes held now. */
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Counts what comes of a body until it is answered; the one that is too much is refused. */
  watch(_request: FastifyRequest, reply: FastifyReply, payload: Payload): void {
    let held = 0;
    let isAnswered = false;
    payload.on('data', (chunk: Buffer) => {
      // What still comes of a body that was refused is thrown away.
      if (isAnswered) return;
      held += chunk.length;
      this.bytes += chunk.length;
      if (this.bytes <= this.#maxBytes || reply.sent) return;
      // The rest is not read: whoever sends it must come back on another connection.
      const headers = ['connection', 'close'];
      payload.emit('error', new ProblemError('journal_full', TOO_MANY, {}, headers));
    });
    reply.raw.once('close', () => {
      isAnswered = true;
      this.bytes -= held;
    });
  }
}

const TOO_MANY = 'too many bodies are on their way at once';
