/**
 * Builds the page into dist/page when it is missing or older than its sources: some seconds. Plain
 * JavaScript and without packages of its own, because setup.mjs runs it. A page that cannot be
 * built stops nobody: the API then serves a plain one and says how.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'dashboard');
const built = join(root, 'dist', 'page', 'index.html');

/** The newest change of the page's sources, or of what they are built with. */
function newestMs() {
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Math.max(...[...files, join(root, 'package-lock.json')].map((f) => statSync(f).mtimeMs));
}

/** Builds when that is needed; says whether there is a page that is new enough. */
export function buildPage() {
  if (!existsSync(sources)) return existsSync(built);
  if (existsSync(built) && statSync(built).mtimeMs >= newestMs()) return true;
  process.stderr.write('clickrate: building the page (once) …\n');
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const { status } = spawnSync('node', [vite, 'build', 'dashboard', '--logLevel', 'warn'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status === 0) return true;
  process.stderr.write('clickrate: the page could not be built; the API works without it\n');
  return false;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.exitCode = buildPage() ? 0 : 1;
