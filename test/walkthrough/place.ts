/** A stack of a test's own, on free ports, and the five scripts told where it is. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, freeRow } from '../support/free-port.ts';
import { ROOT, start, startNode } from '../support/processes.ts';

export type Place = {
  directory: string;
  kafka: number;
  redis: number;
  api: number;
  counter: number;
  flink: number;
  gateway: number;
};
export type Said = { code: number | NodeJS.Signals; text: string };

export async function freePlace(directory: string): Promise<Place> {
  return {
    directory,
    kafka: await freeRow(),
    redis: await freePort(),
    api: await freePort(),
    counter: await freePort(),
    flink: await freePort(),
    gateway: await freePort(),
  };
}

/** `npm run stack -- …` */
export async function stack(place: Place, ...words: string[]): Promise<Said> {
  const child = startNode('scripts/stack.ts', [...words, '--directory', place.directory]);
  return { code: await child.ended, text: child.output() };
}

/** Flags of `up` that say where. */
export function portsOf(place: Place): string[] {
  const { kafka, redis, api, counter, flink, gateway } = place;
  const ports = {
    'kafka-port': kafka,
    'redis-port': redis,
    'api-port': api,
    'counter-port': counter,
    'flink-port': flink,
    'gateway-port': gateway,
  };
  return Object.entries(ports).flatMap(([name, port]) => [`--${name}`, String(port)]);
}

/** `./scripts/NAME.sh …` */
export async function script(place: Place, name: string, ...words: string[]): Promise<Said> {
  const { kafka, flink, gateway, directory } = place;
  const env = {
    CLICKRATE_STACK: 'local',
    CLICKRATE_STACK_DIRECTORY: directory,
    CLICKRATE_BROKERS: [0, 1, 2].map((n) => `127.0.0.1:${kafka + n}`).join(','),
    CLICKRATE_JOB_MANAGER: `http://127.0.0.1:${flink}`,
    CLICKRATE_GATEWAY: `http://127.0.0.1:${gateway}`,
  };
  const child = start(join(ROOT, 'scripts', `${name}.sh`), words, { env });
  return { code: await child.ended, text: child.output() };
}

/** The ends of what our own processes wrote. */
export function logsOf({ directory }: Place): string {
  const files = globSync(join(directory, 'services', '*.log'));
  return files.map((file) => `${file}:\n${readFileSync(file, 'utf8').slice(-1_500)}`).join('\n');
}

/** Command lines of processes that name the directory. */
export function processesOf({ directory }: Place): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(commandOf).filter((command) => command.includes(directory));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
