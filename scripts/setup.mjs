/**
 * Makes a fresh clone ready, before npm runs a script: installs what package-lock.json names when
 * node_modules is missing or older, checks that a Node that runs TypeScript is found first, and
 * builds the page when it is missing or older.
 * Plain JavaScript, because the machine's own Node may be too old for the rest.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './build-page.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  process.stderr.write('clickrate: installing dependencies (once) …\n');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const [command, rest] = npm ? [process.execPath, [npm, ...args]] : ['npm', args];
  const { status } = spawnSync(command, rest, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: !npm && process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

const version = execFileSync('node', ['--version'], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
}).trim();
const [major, minor] = version.slice(1).split('.').map(Number);
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const needed = engines.node.slice('>='.length);
const [leastMajor, leastMinor] = needed.split('.').map(Number);
if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  process.stderr.write(
    `clickrate: no Node is packaged for this system; the node found is ${version}.\n` +
      `Install Node ${needed} or newer, put it first on the PATH and try again.\n`,
  );
  process.exit(1);
}

buildPage();
