/** The packed npm package works where it is installed: type stripping stops at node_modules. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const runFile = promisify(execFile);
const MINUTES = 60_000;

describe('the packed package', { timeout: 5 * MINUTES }, () => {
  let folder = '';
  let packed: string[] = [];
  /** An empty place that knows nothing of this repository. */
  const elsewhere = () => join(folder, 'elsewhere');
  const env = {
    ...process.env,
    // The Node that runs this test also runs npm and what npm starts.
    PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    NODE_OPTIONS: '',
    NODE_TEST_CONTEXT: '',
  };
  const npm = async (cwd: string, ...args: string[]) =>
    (await runFile('npm', args, { cwd, env, maxBuffer: 16 * 1_048_576 })).stdout;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clickrate-pack-'));
    const copy = join(folder, 'copy');
    const wanted = [
      'src',
      'dashboard',
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
      ...MANIFEST.files,
    ];
    for (const path of wanted)
      if (path !== 'dist' && existsSync(join(ROOT, path)))
        cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
    const [pack] = JSON.parse(await npm(copy, 'pack', '--json', '--silent'));
    packed = pack.files.map((file: { path: string }) => file.path);
    cpSync(join(copy, pack.filename), join(elsewhere(), 'clickrate.tgz'));
    writeFileSync(join(elsewhere(), 'package.json'), '{ "private": true }\n');
    await npm(elsewhere(), 'install', '--prefer-offline', '--no-save', './clickrate.tgz');
  });

  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

  test('holds JavaScript and documents, no sources and no tests', () => {
    assert.ok(packed.includes('dist/cli/main.js'));
    assert.ok(packed.includes('dist/page/index.html'), 'the page is not packed');
    for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', 'package.json'])
      assert.ok(packed.includes(path), `${path} is not packed`);
    const odd = packed.filter((path) => /^(src|test|bench|scripts|dashboard)\//.test(path));
    assert.deepEqual(odd, []);
    const imports = readFileSync(
      join(elsewhere(), 'node_modules/clickrate/dist/cli/main.js'),
      'utf8',
    );
    assert.match(imports, /^#!\/usr\/bin\/env -S node --[^\n]*\n/);
    assert.doesNotMatch(imports, /from '\.[^']*\.ts'/);
  });

  test('says its version', async () => {
    const said = await npm(elsewhere(), 'exec', '--no', '--', 'clickrate', '--version');
    assert.equal(said.trim(), MANIFEST.version);
  });

  test('runs, answers over HTTP, and stops when asked', async () => {
    const main = join(elsewhere(), 'node_modules/clickrate/dist/cli/main.js');
    const args = [main, 'run', '--generate', '--port', '0', '--data', join(folder, 'data')];
    const child = spawn(process.execPath, args, { cwd: elsewhere(), env });
    const output: string[] = [];
    child.stdout.on('data', (chunk) => output.push(String(chunk)));
    child.stderr.on('data', (chunk) => output.push(String(chunk)));
    try {
      const url = await urlIn(child, output);
      const answer = await fetch(`${url}/livez`);
      assert.equal(answer.status, 200);
      await answer.arrayBuffer();
      const page = await fetch(url, { headers: { accept: 'text/html' } });
      assert.match(await page.text(), /<script type="module"/, 'the page is not served');
      child.kill('SIGTERM');
      const code = await exitOf(child);
      assert.equal(code, 0, output.join(''));
    } finally {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exitOf(child);
      }
    }
  });
});

/** The address the program says it listens on. */
async function urlIn(child: ChildProcess, output: string[]): Promise<string> {
  const until = Date.now() + 20_000;
  while (Date.now() < until && child.exitCode === null) {
    const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output.join(''));
    if (found) return found[0];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no address was said:\n${output.join('')}`);
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}
