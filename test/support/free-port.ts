/** Ports of 127.0.0.1 on which nobody listens, none given out twice by a process. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below those that the system gives to connections: any of them may take one at any moment. */
const [LEAST_PORT, MOST_PORT] = [15_000, 32_000];
/** Brokers in a row; each has its controller so many ports further. */
const BROKERS = 3;
const CONTROLLERS_AT = 100;
/** Whoever asked may not have bound it yet. */
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LEAST_PORT, MOST_PORT);
    if (await take([port])) return port;
  }
}

/** The first of three free ports in a row whose controllers' are free too. */
export async function freeRow(): Promise<number> {
  for (;;) {
    const first = randomInt(LEAST_PORT, MOST_PORT);
    const row = Array.from({ length: BROKERS }, (_, n) => first + n);
    if (await take([...row, ...row.map((port) => port + CONTROLLERS_AT)])) return first;
  }
}

/** All of them, or none. */
async function take(ports: readonly number[]): Promise<boolean> {
  if (ports.some((port) => given.has(port))) return false;
  for (const port of ports) given.add(port);
  const free = await Promise.all(ports.map(isFree));
  return !free.includes(false);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
