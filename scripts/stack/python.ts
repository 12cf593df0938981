/** Environments of Python with the packages of a requirements file, kept in the cache. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, missing } from './artifacts.ts';

/**
 * The Python of an environment that has what the file `requirements` lists; made the first time, of
 * which `say` is told. Throws what Python or pip said.
 */
export function pythonWith(
  name: string,
  requirements: string,
  say: (sentence: string) => void,
): string {
  const lacking = missing({ python3: 'Debian: apt-get install python3-venv' });
  if (lacking !== null) throw new Error(lacking);
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 8);
  const home = join(cacheDirectory(), `${name}-${hash}`);
  const python = join(home, 'bin', 'python');
  if (existsSync(python)) return python;
  say(`fetching ${name} (once) …`);
  // Scripts of an environment name its place; modules do not, and only those are used.
  const work = `${home}.${process.pid}`;
  try {
    run('python3', ['-m', 'venv', work]);
    run(join(work, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '-r', requirements]);
    if (!existsSync(home)) renameSync(work, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return python;
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? ''}${stdout}${stderr}`);
}
