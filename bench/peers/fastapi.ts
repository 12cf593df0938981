/** The peer that serves: FastAPI on uvicorn, one worker, in a virtual environment of its own. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, missing } from '../../scripts/stack/artifacts.ts';
import { type Child, outputOf, start } from '../../test/support/processes.ts';
import { freePort } from '../../test/support/redis-server.ts';

const HERE = fileURLToPath(new URL('./fastapi', import.meta.url));
const REQUIREMENTS = join(HERE, 'requirements.txt');

/** The environment's Python; fetched once. Throws what Python or pip said. */
export function fastapiPython(): string {
  const lacking = missing({ python3: 'Debian: apt-get install python3-venv' });
  if (lacking !== null) throw new Error(lacking);
  const hash = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 8);
  const home = join(cacheDirectory(), `fastapi-${hash}`);
  const python = join(home, 'bin', 'python');
  if (existsSync(python)) return python;
  process.stderr.write('fetching FastAPI and uvicorn (once) …\n');
  // Scripts of an environment name its place; modules do not, and only those are used.
  const work = `${home}.${process.pid}`;
  try {
    run('python3', ['-m', 'venv', work]);
    run(join(work, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '-r', REQUIREMENTS]);
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

/** What it is made of. */
export function fastapiVersions(): string {
  return readFileSync(REQUIREMENTS, 'utf8').trim().replaceAll('==', ' ').split('\n').join(', ');
}

/** Starts it over that Redis. */
export async function startFastapi(redis: string): Promise<{ child: Child; port: number }> {
  const port = await freePort();
  const args = ['-m', 'uvicorn', 'app:app', '--host', '127.0.0.1', '--port', String(port)];
  const more = ['--workers', '1', '--no-access-log', '--loop', 'uvloop', '--http', 'httptools'];
  const env = { REDIS_URL: redis };
  const child = start(fastapiPython(), [...args, ...more], { cwd: HERE, env });
  try {
    await outputOf(child, /Uvicorn running/);
    return { child, port };
  } catch (error) {
    await child.kill();
    throw error;
  }
}
