/** A server of a test's own on a free port; it ends with its test. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** `onRequest` hears each request whole. */
export async function startSocketServer(
  t: { after(fn: () => unknown): void },
  onRequest: (socket: Socket, bytes: Buffer) => void,
) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => onRequest(socket, bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
