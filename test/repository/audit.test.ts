/** What the audit of our dependencies makes of a registry's answers. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { judged } from '../../scripts/audit.ts';
import { startNode, temporary } from '../support/processes.ts';

/** As npm prints it: holes by package. */
function report(holes: Record<string, string>): string {
  const entries = Object.entries(holes);
  return JSON.stringify({
    vulnerabilities: Object.fromEntries(
      entries.map(([name, severity]) => [name, { name, severity, range: '<1.2.3' }]),
    ),
    metadata: { vulnerabilities: { total: entries.length } },
  });
}

test('a high finding fails, a moderate one is told', () => {
  assert.deepEqual(judged(report({ left: 'moderate' })), {
    failing: 0,
    text: 'audited: known holes: 1 moderate\n  moderate  left <1.2.3',
  });
  for (const severity of ['high', 'critical'])
    assert.equal(judged(report({ left: severity })).failing, 1);
  const clean = report({});
  assert.deepEqual(judged(clean), { failing: 0, text: 'audited: no known hole' });
});

test('a registry that does not answer is said', () => {
  const refused = JSON.stringify({ message: '405 Method Not Allowed', error: { summary: '' } });
  assert.match(judged(refused).text, /^not audited, .*405 Method Not Allowed/);
  const away = JSON.stringify({ error: { code: 'ENOTFOUND', summary: '' } });
  assert.match(judged(away).text, /^not audited, .*ENOTFOUND/);
  for (const nothing of ['', 'null', '[]', '{"metadata":null}', '<html>'])
    assert.match(judged(nothing).text, /^not audited/);
});

test('of a bundle only its packages count', () => {
  const holes = report({ left: 'high', right: 'low' });
  assert.deepEqual(judged(holes, ['right', 'other']), {
    failing: 0,
    text: 'audited: known holes: 1 low\n  low       right <1.2.3',
  });
  assert.equal(judged(holes, ['left']).failing, 1);
});

test('only a hole in what runs fails; one in what development needs is told', async (t) => {
  const bin = temporary(t);
  const licences = join(bin, 'licenses.txt');
  writeFileSync(licences, 'left 1.2.2 (MIT)\n');
  const audited = async (beside: string, all: string) => {
    const npm = `case "$*" in *--omit=dev*) echo '${beside}';; *) echo '${all}';; esac`;
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${npm}\nexit 1\n`);
    chmodSync(join(bin, 'npm'), 0o755);
    const PATH = `${bin}${delimiter}${process.env.PATH}`;
    const child = startNode('scripts/audit.ts', [licences], { PATH });
    const code = await child.ended;
    const heads = child.output().match(/^.*audited: .*$/gm) ?? [];
    return [code, ...heads.map((head) => head.includes('known holes'))];
  };
  const [none, one, other] = [{}, { left: 'high' }, { other: 'high' }].map(report);
  assert.deepEqual(await audited(none, none), [0, false, false, false]);
  assert.deepEqual(await audited(none, other), [0, false, false, true]);
  assert.deepEqual(await audited(none, one), [1, true, false, true]);
  assert.deepEqual(await audited(other, other), [1, false, true, true]);
});
