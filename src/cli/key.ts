/** `clickrate key`: a new key for the API, and its hash for the configuration. */
import type { Command } from 'commander';
import { newKey } from '../api/doors/keys.ts';

export function addKey(command: Command): void {
  command.action(() => {
    const { key, hash } = newKey();
    process.stdout.write(`key   ${key}\nhash  ${hash}\n`);
    process.stderr.write('give the key to the client, the hash to clickrate; it is kept nowhere\n');
  });
}
