/** A TCP proxy that can swallow answers: what was asked arrives, what is answered does not. */
import { connect, createServer, type Socket } from 'node:net';

export type Proxy = {
  port: number;
  /** From now on the next answer is dropped with its connection, when the request matched. */
  loseAnswerTo(pattern: RegExp): void;
  lost(): number;
  /** Connections that begin from now on go to this port. */
  toward(port: number): void;
  close(): Promise<void>;
};

export async function startProxy(
  t: { after(fn: () => unknown): void },
  to: number,
): Promise<Proxy> {
  let target = to;
  let pattern: RegExp | null = null;
  let lost = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    let isLosing = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (pattern?.test(chunk.toString('latin1'))) {
        isLosing = true;
        pattern = null;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isLosing) client.write(chunk);
      else {
        lost++;
        client.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(close);
  const { port } = server.address() as { port: number };
  const loseAnswerTo = (next: RegExp) => {
    pattern = next;
  };
  const toward = (next: number) => {
    target = next;
  };
  return { port, loseAnswerTo, toward, lost: () => lost, close };
}
