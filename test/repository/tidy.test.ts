/** The repository's rules, each shown to find a planted fault, then held against the files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { partsOf } from '../../scripts/parts.ts';
import { ERRORS } from '../../src/errors.ts';
import { ROOT } from '../support/processes.ts';
import { clean, FILES, finds, planted, read, SRC } from './files.ts';
import type { SourceFile } from './imports.ts';
import {
  bannedPackages,
  dependencyLines,
  errorLines,
  leftovers,
  lengths,
  onlyCli,
  sharedSlices,
  shortLists,
  spreadLiterals,
  unmatchedTests,
} from './tidy.ts';

const MANIFEST = JSON.parse(read('package.json'));

test('the process and the terminal are left to cli', () => {
  finds(onlyCli(planted({ 'src/api/a.ts': 'process.exit(1);' })), /src\/api\/a\.ts:1/);
  clean(onlyCli(planted({ 'src/cli/a.ts': 'process.exit(1);' })));
  clean(onlyCli(SRC));
});

test('bytes that are kept are copied by what copies them', () => {
  finds(sharedSlices(planted({ 'src/a.ts': 'keep(records.bytes.slice(1, 2));' })), /src\/a\.ts:1/);
  finds(sharedSlices(planted({ 'src/a.ts': 'const part = this.#bytes.slice(0);' })), /copyOf/);
  clean(sharedSlices(planted({ 'src/a.ts': 'keep(copyOf(records.bytes, 1, 2));' })));
  clean(sharedSlices(SRC));
});

test('no object literal is spread into another', () => {
  finds(spreadLiterals(planted({ 'src/a.ts': 'f({\n  ...{ a, b },\n});' })), /src\/a\.ts:2/);
  clean(spreadLiterals(planted({ 'src/a.ts': 'f({ ...(a ? { b } : {}), ...c });' })));
  clean(spreadLiterals(FILES));
});

test('random lists are as long as a test says', () => {
  finds(shortLists(planted({ 'test/a.test.ts': "import fc from 'fast-check';" })), /test\/a\.test/);
  clean(shortLists(FILES));
});

describe('lengths', () => {
  test('files have at most 250 lines, lines at most 100 columns', () => {
    finds(lengths(planted({ 'src/a.ts': '\n'.repeat(251) })), /251 lines/);
    clean(lengths(planted({ 'src/a.ts': '\n'.repeat(250), 'test/a.ts': '\n'.repeat(251) })));
    finds(lengths(planted({ 'test/a.ts': 'x'.repeat(101) })), /101 columns/);
    clean(lengths(planted({ 'test/a.ts': 'ü'.repeat(100) })));
    clean(lengths(FILES));
  });

  test('functions of src and bench have at most 70 lines', () => {
    const folder = mkdtempSync(join(tmpdir(), 'clickrate-tidy-'));
    try {
      const body = (lines: number) => `${'  f();\n'.repeat(lines)}`;
      writeFileSync(join(folder, 'long.ts'), `export function f() {\n${body(71)}}\n`);
      assert.match(functionLengths(folder, [join(folder, 'long.ts')]), /long\.ts/);
      writeFileSync(join(folder, 'fits.ts'), `export function f() {\n${body(70)}}\n`);
      assert.equal(functionLengths(folder, [join(folder, 'fits.ts')]), '');
      assert.equal(functionLengths(folder, [join(ROOT, 'src'), join(ROOT, 'bench')]), '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What Biome says about too long functions in these paths; its settings go into `folder`. */
function functionLengths(folder: string, paths: string[]): string {
  const rule = { level: 'error', options: { maxLines: 70 } };
  const linter = {
    rules: { recommended: false, complexity: { noExcessiveLinesPerFunction: rule } },
  };
  writeFileSync(join(folder, 'biome.json'), JSON.stringify({ root: true, linter }));
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const args = ['lint', `--config-path=${folder}`, '--max-diagnostics=none', ...paths];
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

describe('documents say what the code says', () => {
  test('docs/errors.md lists the errors of src/errors.ts', () => {
    const table = { gone: { status: 404, retry: false, title: 'Gone' } };
    clean(errorLines(table, '| `gone` | 404 | no | Gone | Ask elsewhere. |'));
    finds(errorLines(table, '| `gone` | 404 | yes | Gone | Ask elsewhere. |'), /`gone` \| 404/);
    finds(errorLines(table, '| `gone` | 404 | no | Gone |  |'), /not what to do/);
    finds(errorLines({}, '| `gone` | 404 | no | Gone | Ask. |'), /1 rows/);
    clean(errorLines(ERRORS, read('docs/errors.md')));
  });

  test('docs/dependencies.md says why each dependency is there', () => {
    const manifest = { dependencies: { a: '1' }, devDependencies: { b: '1' } };
    clean(dependencyLines(manifest, '| `a` | why |\n| `b` | why |'));
    finds(dependencyLines(manifest, '| `a` | why |'), /why b is there/);
    finds(dependencyLines({ dependencies: { a: '1' } }, '| `a` | x |\n| `c` | x |'), /c is listed/);
    clean(dependencyLines(MANIFEST, read('docs/dependencies.md')));
  });

  test('packages with a better replacement are not used', () => {
    finds(bannedPackages({ dependencies: { kafkajs: '1' } }, []), /use @platformatic\/kafka/);
    finds(bannedPackages({}, planted({ 'src/a.ts': "import e from 'express';" })), /use fastify/);
    clean(bannedPackages(MANIFEST, FILES));
  });
});

describe('tests', () => {
  test('are all run by a part of the runner', () => {
    const files = planted({
      'test/engine/a.test.ts': "import { test } from 'node:test';",
      'test/engine/b.slow.test.ts': "import { test } from 'node:test';",
      'test/new-folder/c.test.ts': "import { test } from 'node:test';",
      'test/engine/forgotten.ts': "import { test } from 'node:test';\ntest('x', () => {});",
      'test/data/d.test.ts': "import { test } from 'node:test';",
      'test/stores/suite.ts':
        "import { test } from 'node:test';\nexport const f = () => test('x');",
    });
    const taken = (all: SourceFile[]) => {
      const parts = partsOf(all.map(({ path }) => path));
      return (path: string) => parts.filter((part) => part.takes(path)).length === 1;
    };
    const wrong = unmatchedTests(files, taken(files)).map((line) => line.split(':')[0]);
    assert.deepEqual(wrong, ['test/engine/forgotten.ts', 'test/data/d.test.ts']);
    clean(unmatchedTests(FILES, taken(FILES)));
  });

  test('and code leave nothing unfinished', () => {
    finds(leftovers(planted({ 'src/a.ts': '// TODO: later' })), /src\/a\.ts:1: unfinished/);
    finds(leftovers(planted({ 'test/a.ts': "test.only('x', f);" })), /test\/a\.ts:1/);
    clean(leftovers(FILES));
  });
});
