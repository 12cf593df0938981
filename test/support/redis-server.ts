/** A Redis server of a test's own: on a free port, in a directory of its own, never left behind. */
import { spawnSync } from 'node:child_process';
import { freePort } from './free-port.ts';
import { outputOf, start, temporary } from './processes.ts';

export type Redis = {
  url: string;
  port: number;
  directory: string;
  /** Ends it in order; what it knows is on disk where AOF is on. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and data; resolves when it answers. */
  restart(args?: readonly string[]): Promise<void>;
  pause(): void;
  resume(): void;
  /** Runs a command with redis-cli and answers its output. */
  cli(...args: string[]): string;
};

export type RedisOptions = {
  /** `appendfsync`; without it nothing is ever on disk. */
  aof?: 'everysec' | 'always';
  args?: readonly string[];
};

/** Why there is no Redis to test with, or false. Under CI this is an error. */
export function withoutRedis(): string | false {
  const found = spawnSync('redis-server', ['--version']);
  if (found.error === undefined && found.status === 0) return false;
  if (process.env.CI === 'true') throw new Error('redis-server is needed under CI');
  return 'redis-server is not installed';
}

/** Starts one for `t`, and ends it with it. */
export async function startRedis(
  t: { after(fn: () => unknown): void },
  options: RedisOptions = {},
): Promise<Redis> {
  const port = await freePort();
  const directory = temporary(t);
  const aof =
    options.aof === undefined ? [] : ['--appendonly', 'yes', '--appendfsync', options.aof];
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  const launch = async (more: readonly string[] = options.args ?? []) => {
    const child = start('redis-server', [...fixed, ...aof, ...more]);
    await outputOf(child, /Ready to accept connections/);
    return child;
  };
  let child = await launch();
  t.after(() => child.kill('SIGKILL'));
  const signal = (name: NodeJS.Signals) => process.kill(child.process.pid!, name);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    directory,
    stop: async () => void (await child.kill('SIGTERM')),
    kill: async () => void (await child.kill('SIGKILL')),
    restart: async (more) => {
      await child.kill('SIGKILL');
      child = await launch(more);
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    cli: (...args) => {
      const done = spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' });
      return done.stdout.trimEnd();
    },
  };
}
