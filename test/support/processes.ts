/** Child processes of a test: started with the Node at hand, found by their output, never left. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endWithParent } from '../../scripts/end-with-parent.ts';
import { nodeFlags } from '../../scripts/node-flags.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type Child = {
  process: ChildProcess;
  /** Everything it wrote so far. */
  output(): string;
  /** Resolves with its exit code or signal. */
  ended: Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
};

/** Those that run: an end of this process, also by its own `exit` or a signal, ends them. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) signalGroup(child, 'SIGKILL');
});
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));

if (process.env.NODE_TEST_CONTEXT !== undefined) endWithParent();

/** Where this process itself is killed, Linux ends what it has started. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--'];
const canDie = spawnSync(DIES_WITH_US[0], [...DIES_WITH_US.slice(1), 'true']).status === 0;

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    // Nobody of the group is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Starts `command`; both outputs are collected. */
export function start(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Child {
  const [program, ...words] = [...(canDie ? DIES_WITH_US : []), command, ...args];
  const child = spawn(program, words, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that signals reach what npm and shells start as well.
    detached: true,
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  living.add(child);
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => living.delete(child));
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  ended.catch(() => {});
  const kill = (signal: NodeJS.Signals = 'SIGKILL') => {
    signalGroup(child, signal);
    return ended;
  };
  return { process: child, output: () => text, ended, kill };
}

/** Starts a file as its first line says. */
export function startNode(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const path = join(ROOT, file);
  return start(process.execPath, [...nodeFlags(path), path, ...args], { env });
}

/** The first match of `pattern` in the child's output; rejects when it ends or time is up. */
export async function outputOf(
  child: Child,
  pattern: RegExp,
  waitMs = 60_000,
): Promise<RegExpExecArray> {
  const untilMs = performance.now() + waitMs;
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  for (;;) {
    const match = pattern.exec(child.output());
    if (match !== null) return match;
    if (over || performance.now() > untilMs)
      throw new Error(`${pattern} did not come; the output was:\n${child.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A directory that is gone when the test is. */
export function temporary(t: { after(fn: () => void): void }, base = tmpdir()): string {
  const directory = mkdtempSync(join(base, 'clickrate-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Calls `look` until it returns something; rejects with its last error when time is up. What a test
 * waits for comes soon, but not on a machine with more to do: only a failure waits for long.
 */
export async function eventually<T>(
  look: () => Promise<T | null | undefined | false>,
  waitMs = 30_000,
  everyMs = 50,
): Promise<T> {
  const untilMs = performance.now() + waitMs;
  let last: unknown = new Error('it never came');
  while (performance.now() < untilMs) {
    try {
      const seen = await look();
      if (seen) return seen;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw last;
}
