/** The packed npm package works where it is installed: type stripping stops at node_modules. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
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
import { packagesIn } from '../../scripts/licences.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const runFile = promisify(execFile);
const MINUTES = 60_000;
const FROM_PACKAGE = /^\/\/ .*node_modules\/((?:@[^/]+\/)?[^/]+)\//gm;

type OpenApi = { openapi: string; info: { version: string }; paths: object };

describe('the packed package', { timeout: 5 * MINUTES }, () => {
  let folder = '';
  let packed: string[] = [];
  /** An empty place that knows nothing of this repository. */
  const elsewhere = () => join(folder, 'elsewhere');
  const main = () => join(elsewhere(), 'node_modules/clickrate/dist/cli/main.js');
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
      'scripts',
      ...MANIFEST.files,
    ];
    for (const path of wanted)
      if (!path.startsWith('dist') && existsSync(join(ROOT, path)))
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
    assert.match(readFileSync(main(), 'utf8'), /^#!\/usr\/bin\/env -S node --[^\n]*\n/);
  });

  test('has text that V8 holds in one byte a character', () => {
    const isAscii = (path: string) => readFileSync(path).every((byte) => byte < 128);
    const folder = dirname(main());
    const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
    assert.ok(files.length > 10);
    assert.deepEqual(
      files.filter((name) => !isAscii(join(folder, name))),
      [],
    );
  });

  test('every command answers --help, and the list of them names it', async () => {
    const run = async (...args: string[]) =>
      (await runFile(process.execPath, [main(), ...args], { cwd: elsewhere(), env })).stdout;
    const list = await run('--help');
    const names = [...list.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
    assert.ok(names.length > 10, list);
    for (const name of names)
      assert.match(await run(name, '--help'), new RegExp(`^Usage: clickrate ${name} `));
  });

  test('needs few packages, and tells the licence of each whose code it holds', () => {
    const installed = readdirSync(join(elsewhere(), 'node_modules'));
    for (const bundled of ['fastify', 'commander', 'pino', 'typebox', '@redis'])
      assert.ok(!installed.includes(bundled), `${bundled} is installed as well`);
    const folder = dirname(main());
    const told = packagesIn(readFileSync(join(folder, 'licenses.txt'), 'utf8'));
    // The bundler says of each module where it was.
    const held = readdirSync(folder)
      .filter((file) => file.endsWith('.js'))
      .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(FROM_PACKAGE)])
      .map(([, name]) => name);
    assert.ok(held.includes('fastify') && held.includes('@platformatic/kafka'), held.join());
    assert.deepEqual([...new Set(held)].sort(), told);
    const page = packagesIn(readFileSync(join(folder, '../page/licenses.txt'), 'utf8'));
    assert.ok(page.includes('preact') && page.includes('uplot'), page.join());
  });

  test('says its version', async () => {
    const said = await npm(elsewhere(), 'exec', '--no', '--', 'clickrate', '--version');
    assert.equal(said.trim(), MANIFEST.version);
  });

  test('runs, answers over HTTP, and stops when asked', async () => {
    const args = [main(), 'run', '--generate', '--port', '0', '--data', join(folder, 'data')];
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
      const document = await fetch(`${url}/openapi.json`);
      const { openapi, info, paths } = (await document.json()) as OpenApi;
      assert.deepEqual([openapi, info.version], ['3.1.0', MANIFEST.version]);
      assert.ok('/v1/products' in paths);
      const docs = await (await fetch(`${url}/docs`)).text();
      const files = [...docs.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
      assert.ok(files.length > 3, docs);
      for (const path of files) {
        const file = await fetch(new URL(path, `${url}/docs/`));
        assert.equal(file.status, 200, path);
        await file.arrayBuffer();
      }
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
  const until = Date.now() + 60_000;
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
