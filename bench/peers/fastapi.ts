/** The peer that serves: FastAPI on uvicorn, one worker, in a virtual environment of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonWith } from '../../scripts/stack/python.ts';
import { freePort } from '../../test/support/free-port.ts';
import { type Child, outputOf, start } from '../../test/support/processes.ts';

const HERE = fileURLToPath(new URL('./fastapi', import.meta.url));
const REQUIREMENTS = join(HERE, 'requirements.txt');

/** The environment's Python; fetched once. Throws what Python or pip said. */
export function fastapiPython(): string {
  return pythonWith('fastapi', REQUIREMENTS, (sentence) => process.stderr.write(`${sentence}\n`));
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
