/** The files that the rules of the repository are held against, and planted ones. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/processes.ts';
import type { SourceFile } from './imports.ts';

export const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
export const FILES: SourceFile[] = globSync(
  '{src,bench,scripts,test,dashboard}/**/*.{ts,tsx,mjs}',
  {
    cwd: ROOT,
    exclude: ['**/node_modules/**', 'test/data/**'],
  },
)
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
  .map((path) => ({ path, text: read(path) }));
export const SRC = FILES.filter(({ path }) => path.startsWith('src/'));

/** Files from `path: text` pairs. */
export const planted = (files: Record<string, string>): SourceFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));
export const clean = (wrong: string[]) => assert.deepEqual(wrong, []);
export const finds = (wrong: string[], what: RegExp) => {
  assert.equal(wrong.length, 1, wrong.join('\n'));
  assert.match(wrong[0]!, what);
};
