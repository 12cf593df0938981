/** Which test files share a process: each is run once, and what touches its process is alone. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { together } from '../../scripts/together.ts';
import { temporary } from '../support/processes.ts';

test('each file is run once; one that touches its process has a process of its own', (t) => {
  const directory = temporary(t);
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const plain = Array.from({ length: 25 }, (_, n) => write(`plain-${n}`, 'test();'));
  const own = [
    "process.once('exit', stop);",
    "process.env.NAME = 'x';",
    'process.exitCode = 1;',
    'mock.timers.enable();',
    "setFlagsFromString('--expose-gc');",
    "import { inCodeMemory } from '../support/code-memory.ts';",
  ].map((text, n) => write(`own-${n}`, text));
  const files = together([...plain, ...own]);
  assert.deepEqual(
    files.filter((file) => own.includes(file)),
    own,
  );
  const shared = files.filter((file) => !own.includes(file));
  assert.equal(shared.length, 3);
  const text = shared.map((file) => readFileSync(file, 'utf8')).join('');
  const imports = plain.map((path) => `import ${JSON.stringify(pathToFileURL(path).href)};\n`);
  assert.equal(text, imports.join(''));
});
