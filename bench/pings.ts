/** The process that asks Redis each millisecond whether it is there, for `bench/store.ts`. */
import { createClient } from '@redis/client';

/** Milliseconds until the answer: all but one of a hundred, and the longest. */
export type Pings = { p99Ms: number; maxMs: number };

let isOver = false;

async function ask(url: string): Promise<Pings> {
  const client = await createClient({ url, RESP: 2 }).connect();
  await client.ping();
  process.send!('asking');
  const times: number[] = [];
  while (!isOver) {
    const beganMs = performance.now();
    await client.ping();
    times.push(performance.now() - beganMs);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await client.close();
  times.sort((a, b) => a - b);
  return { p99Ms: times[Math.floor(times.length * 0.99)], maxMs: times.at(-1) as number };
}

process.on('message', (message: string) => {
  if (message === 'end') isOver = true;
  else void ask(message).then((pings) => process.send!(pings, () => process.exit()));
});
