/** compose.yaml as data, and what a real compose implementation says of it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './processes.ts';

export type Service = {
  image: string;
  container_name?: string;
  user?: string;
  build?: { dockerfile: string };
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  read_only?: boolean;
  tmpfs?: string[];
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  cpus?: number;
  pids_limit?: number;
};
export type Compose = { services: Record<string, Service>; volumes: Record<string, unknown> };

export function readCompose(): Compose {
  return parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8'), { merge: true }) as Compose;
}

/** The command of a compose implementation on this machine; null: there is none. */
function implementation(): string[] | null {
  for (const [command, ...args] of [['docker', 'compose'], ['docker-compose']])
    if (spawnSync(command, [...args, 'version']).status === 0) return [command, ...args];
  return null;
}

/** Why nothing here can lint it, or false. Under CI this is an error. */
export function withoutCompose(): string | false {
  if (implementation() !== null) return false;
  const reason = 'neither docker compose nor docker-compose is installed';
  if (process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/** `config` of that implementation: what it understood, or throws what it did not. */
export function linted(...flags: string[]): Compose {
  const [command, ...args] = implementation() ?? ['docker-compose'];
  const done = spawnSync(command, [...args, ...flags, 'config'], { cwd: ROOT, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return parse(done.stdout) as Compose;
}
