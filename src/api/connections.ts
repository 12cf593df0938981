/**
 * Ends connections when the server closes. Node ends those that wait for their next request; it
 * would wait for those that have not sent a first one: browsers open some ahead.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** A socket of Node's server knows the answer under way. */
type HttpSocket = Socket & { _httpMessage?: object | null };

export class Connections {
  readonly #sockets = new Set<HttpSocket>();

  constructor(server: Server, isSecure: boolean) {
    server.on(isSecure ? 'secureConnection' : 'connection', (socket: HttpSocket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Ends those without a request at once, the others when they had `graceMs` to be answered. */
  end(graceMs: number): void {
    for (const socket of this.#sockets) if (!socket._httpMessage) socket.destroy();
    setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs).unref();
  }
}
