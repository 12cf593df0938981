/** Our own processes of the stack: the API, who counts (sink or engine), traffic. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../node-flags.ts';
import { type ServerPlan, startServer, untilReady } from './server.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const COMMAND = [...nodeFlags(MAIN), MAIN];
const API = 'serving-api';

export type ServicesPlan = {
  directory: string;
  /** `127.0.0.1:9092,…` */
  brokers: string;
  redisPort: number;
  apiPort: number;
  /** Readiness and metrics of who counts. */
  counterPort: number;
  /** `sink`: Flink counts; `engine`: clickrate's own engine does. */
  counter: 'sink' | 'engine';
};

/** The processes that are to be started, in this order; the topics must be there. */
export function planServices(plan: ServicesPlan): ServerPlan[] {
  const { directory, counter, counterPort, apiPort, redisPort, brokers } = plan;
  const redis = ['--redis', `redis://127.0.0.1:${redisPort}`];
  const kafka = ['--brokers', brokers];
  const at = (port: number) => ['--host', '127.0.0.1', '--port', String(port)];
  const api = ['api', ...redis, ...at(apiPort)];
  const counting = [counter, '--store', 'redis', ...redis, ...kafka, ...at(counterPort)];
  return [
    { ...processOf(directory, API, api), port: apiPort },
    { ...processOf(directory, counter, counting), port: counterPort },
  ];
}

/** The original demo's traffic; it listens nowhere. */
export function planProducers(directory: string, args: readonly string[]): ServerPlan {
  return { ...processOf(directory, 'producers', ['produce', ...args]), port: 0 };
}

function processOf(directory: string, name: string, args: readonly string[]) {
  const place = join(directory, 'services');
  mkdirSync(place, { recursive: true });
  return { name, command: process.execPath, args: [...COMMAND, ...args], directory: place };
}

/** Makes the topics, starts the processes and waits until they answer. Rejects with why not. */
export async function startServices(
  plans: readonly ServerPlan[],
  brokers: string,
  withFlink: boolean,
): Promise<void> {
  // Those that are there may have other partitions: whoever reads them says what cannot be.
  const flags = ['--missing', ...(withFlink ? ['--flink'] : [])];
  const topics = ['topics', 'create', '--brokers', brokers, ...flags];
  const made = spawnSync(process.execPath, [...COMMAND, ...topics], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`making the topics failed:\n${made.stderr}`);
  for (const plan of plans) await startServer(plan);
  for (const plan of plans) await untilReady(plan, () => isServing(plan));
}

/**
 * Whether a service answers over HTTP. Who counts answers before it has its tasks, which the store
 * may refuse; the API waits for what is counted.
 */
async function isServing({ name, port }: ServerPlan): Promise<boolean> {
  const path = name === API ? 'livez' : 'readyz';
  try {
    const signal = AbortSignal.timeout(2_000);
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { signal });
    const { tasks } = (await response.json()) as { tasks?: unknown[] };
    return response.ok && tasks?.length !== 0;
  } catch {
    return false;
  }
}
