/** Planted bugs follow the code: found here within a second, not by the simulation minutes later. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BUGS } from '../simulation/planted/bugs.ts';

const ROOT = join(fileURLToPath(import.meta.url), '../../..');

test('docs/reliability.md lists the planted bugs', () => {
  const rows = BUGS.map(({ name, file, caughtBy }) => {
    const suite = caughtBy === 'simulation' ? caughtBy : `\`${caughtBy.file}\``;
    return `| ${name} | \`${file}\` | ${suite} |`;
  });
  const text = readFileSync(join(ROOT, 'docs/reliability.md'), 'utf8');
  const table = text.slice(text.indexOf('| bug | where |')).split('\n\n')[0]!;
  assert.deepEqual(table.split('\n').slice(2), rows);
});

for (const { name, file, find, replace } of BUGS)
  test(`a bug is planted in one place: ${name}`, () => {
    const text = readFileSync(join(ROOT, 'src', file), 'utf8');
    assert.equal(text.split(find).length - 1, 1, `src/${file}: ${find}`);
    assert.ok(find !== replace);
  });
