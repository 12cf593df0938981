/** The rules about imports, each shown to find a planted fault, then held against the files. */
import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ROOT } from '../support/processes.ts';
import { clean, FILES, finds, planted, read, SRC } from './files.ts';
import {
  brokenImports,
  cycles,
  importRows,
  importTable,
  purity,
  type SourceFile,
  specifiers,
  unreachable,
  unusedExports,
  withoutComments,
} from './imports.ts';

/** What starts the others: commands by hand, by npm and by a machine, and the page. */
const STARTERS: SourceFile[] = [
  ...globSync('scripts/*.sh', { cwd: ROOT }).map((path) => path.replaceAll('\\', '/')),
  ...['package.json', '.ci/run', 'dashboard/index.html', 'dashboard/vite.config.ts'],
].map((path) => ({ path, text: read(path) }));
const ROWS = importRows(read('docs/ARCHITECTURE.md'));

test('imports are found in every form, and not in comments', () => {
  const text = `import a, { type B } from './a.ts';
import type {
  C,
} from './c.ts';
import './d.ts'; // import './comment.ts'
export * from './e.ts';
/* import x from './block.ts' */
const url = 'http://f'; const f = await import('./f.ts');`;
  assert.deepEqual(specifiers(text).sort(), ['./a.ts', './c.ts', './d.ts', './e.ts', './f.ts']);
  assert.equal(withoutComments("a = '//'; // b").trimEnd(), "a = '//';");
  assert.equal(withoutComments('a = /[/*]"/; /* b */').trimEnd(), 'a = /[/*]"/;');
});

describe('the import table', () => {
  const wrongImports: [string, string, RegExp][] = [
    ['src/engine/a.ts', '../decode/scan.ts', /`engine\/` may import: pure words/],
    ['src/engine/a.ts', '../sqlite.ts', /`engine\/` may import: pure words/],
    ['src/decode/a.ts', '../engine/task.ts', /`decode\/` may import: pure words/],
    ['src/event.ts', './engine/task.ts', /pure words may import/],
    ['src/event.ts', './clock.ts', /pure words may import/],
    ['src/log.ts', './api/server.ts', /other words may import/],
    ['src/sources/a.ts', '../stores/sqlite.ts', /`sources\/` may import/],
    ['src/stores/a.ts', '../sources/journal.ts', /`stores\/` may import/],
    ['src/pipeline.ts', './stores/sqlite.ts', /never a concrete source or store/],
    ['src/pipeline/commit.ts', '../sources/journal.ts', /never a concrete source or store/],
    ['src/api/a.ts', '../pipeline.ts', /`api\/` may import/],
    ['src/api/a.ts', '../stores/sqlite.ts', /`api\/` may import/],
    ['src/utils.ts', './event.ts', /in no row of the import table/],
  ];
  for (const [path, target, what] of wrongImports)
    test(`${path} may not import ${target}`, () => {
      finds(importTable(planted({ [path]: `import { x } from '${target}';` }), ROWS), what);
    });

  test('allows what it names', () => {
    const good = {
      'src/engine/a.ts': "import { x } from '../decode/columns.ts';\nimport '../event.ts';",
      'src/pipeline.ts': "import type { S } from './stores/store.ts';\nimport './engine/task.ts';",
      'src/cli/run.ts': "import '../stores/sqlite.ts';\nimport '../../package.json';",
      'src/api/server.ts': "import '../stores/store.ts';\nimport 'fastify';",
    };
    clean(importTable(planted(good), ROWS));
  });

  test('holds for src', () => clean(importTable(SRC, ROWS)));

  test('names files and folders that are there', () => {
    assert.ok(ROWS.length > 10, `only ${ROWS.length} rows`);
    for (const path of ROWS.flatMap(({ who, may }) => [...who, ...may]))
      assert.ok(existsSync(join(ROOT, 'src', path)), `src/${path} is not there`);
  });
});

describe('imports between files', () => {
  test('go to files that exist', () => {
    finds(brokenImports(planted({ 'src/a.ts': "import './b.ts';" })), /does not exist/);
    clean(brokenImports(FILES));
  });

  test('have no cycle', () => {
    const circle = {
      'src/a.ts': "import './b.ts';",
      'src/b.ts': "import type { C } from './c.ts';",
      'src/c.ts': "export * from './a.ts';",
    };
    finds(cycles(planted(circle)), /src\/a\.ts → src\/b\.ts → src\/c\.ts → src\/a\.ts/);
    clean(cycles(FILES));
  });

  test('take every value that is exported', () => {
    const files = {
      'src/a.ts': 'export const used = 1;\nexport function dead() {}\nexport type Free = 1;',
      'src/b.ts': "import { used } from './a.ts'; // dead",
      'src/c.ts': "const { late } = await import('./d.ts');",
      'src/d.ts': 'export async function late() {}',
    };
    finds(unusedExports(planted(files)), /src\/a\.ts: dead/);
    clean(unusedExports(FILES));
  });

  test('and what is started by name reach every file but those of tests', () => {
    const files = {
      'src/cli/main.ts': "const run = () => import('./run.ts');",
      'src/cli/run.ts': '// dead.ts\nconst text = "see src/dead.ts";',
      'src/dead.ts': "import './dead-too.ts';",
      'src/dead-too.ts': '',
      'src/words.d.ts': '',
      'bench/main.ts': "fork(new URL('./child.ts', url)); start('bench/peers/one.ts');",
      'bench/child.ts': '',
      'bench/peers/one.ts': '',
      'dashboard/src/main.tsx': "import { App } from './app.tsx';",
      'dashboard/src/app.tsx': '',
      'test/a.test.ts': '',
    };
    const starters = {
      'package.json': '"start": "node src/cli/main.ts", "bench": "node bench/main.ts"',
      'dashboard/index.html': '<script type="module" src="./src/main.tsx"></script>',
    };
    const wrong = unreachable(planted(files), planted(starters)).map((line) => line.split(':')[0]);
    assert.deepEqual(wrong, ['src/dead.ts', 'src/dead-too.ts']);
    clean(unreachable(FILES, STARTERS));
  });
});

test('decode and engine have no clock, randomness, I/O or async', () => {
  const lines = [
    'export async function f() {}',
    'const now = Date.now();',
    'const r = Math.random();',
    'setTimeout(f, 1);',
    "import fs from 'node:fs';",
    'console.log(1);',
  ];
  for (const line of lines) finds(purity(planted({ 'src/engine/a.ts': line })), /src\/engine\/a/);
  const good = "import { Buffer } from 'node:buffer';\n// Date.now()\nconst a = 'await Date';";
  clean(purity(planted({ 'src/decode/a.ts': good })));
  const shared = { 'src/a.ts': "import './b.ts';", 'src/b.ts': "import 'node:fs';" };
  clean(purity(planted(shared)));
  const through = { 'src/engine/a.ts': "import '../a.ts';", ...shared };
  finds(purity(planted(through)), /src\/b\.ts \(which decode\/ or engine\/ reaches\)/);
  clean(purity(SRC));
});
