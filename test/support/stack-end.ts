/** The end of a stack: its servers are made to outlive who starts them, also a test that is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from './processes.ts';

/**
 * Waits for the end of its input, which is that of this process at the latest. Not named on its
 * line is the directory: whoever does is looked for as one that was left.
 */
const WAITS = 'cat; exec "$0" "$@" --directory "$DIRECTORY"';

/**
 * From now on the servers in `directory` end with this process, however it ends. The function ends
 * them before; both delete their data.
 */
export function endingStack(directory: string): () => Promise<void> {
  const down = [join(ROOT, 'scripts', 'stack.ts'), 'down', '--clean'];
  const child = spawn('sh', ['-c', WAITS, process.execPath, ...down], {
    env: { ...process.env, DIRECTORY: directory },
    stdio: ['pipe', 'ignore', 'ignore'],
    // What ends the group of a test would end it too.
    detached: true,
  });
  return async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
}
