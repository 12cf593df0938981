/**
 * Ends connections when the server closes. Node ends those that wait for their next request; it
 * would wait for those that have not sent a first one: browsers open some ahead.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A socket of Node's server knows the answer under way. */
export type HttpSocket = Socket & { _httpMessage?: ServerResponse | null };

export class Connections {
  readonly #sockets = new Set<HttpSocket>();
  /** With TLS: what lies under them, and under those that have not shaken hands. */
  readonly #raw = new Set<Socket>();

  constructor(server: Server, isSecure: boolean) {
    const keep = <T extends Socket>(all: Set<T>) => {
      return (socket: T) => {
        all.add(socket);
        socket.once('close', () => all.delete(socket));
      };
    };
    server.on(isSecure ? 'secureConnection' : 'connection', keep(this.#sockets));
    if (isSecure) server.on('connection', keep(this.#raw));
  }

  /** Ends those without a request at once, the others when they had `graceMs` to be answered. */
  end(graceMs: number): void {
    const shaken = new Set([...this.#sockets].map(({ remotePort }) => remotePort));
    for (const socket of this.#raw) if (!shaken.has(socket.remotePort)) socket.destroy();
    for (const socket of this.#sockets) if (!socket._httpMessage) socket.destroy();
    setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs).unref();
  }
}
