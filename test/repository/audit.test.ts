/** What the audit of our dependencies makes of a registry's answers. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { judged } from '../../scripts/audit.ts';
import { startNode, temporary } from '../support/processes.ts';

const none = { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 0 };

test('a high finding fails, a moderate one is told', () => {
  const report = (counts: object, severity: string) =>
    JSON.stringify({
      vulnerabilities: { left: { name: 'left', severity, range: '<1.2.3' } },
      metadata: { vulnerabilities: { ...none, ...counts, total: 1 } },
    });
  assert.deepEqual(judged(report({ moderate: 1 }, 'moderate')), {
    failing: 0,
    text: 'audited: known holes: 1 moderate\n  moderate  left <1.2.3',
  });
  for (const severity of ['high', 'critical'])
    assert.equal(judged(report({ [severity]: 1 }, severity)).failing, 1);
  const clean = JSON.stringify({ vulnerabilities: {}, metadata: { vulnerabilities: none } });
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

test('only a hole in what runs fails; one in what development needs is told', async (t) => {
  const report = (high: number) => JSON.stringify({ metadata: { vulnerabilities: { high } } });
  const audited = async (runs: number, all: number) => {
    const bin = temporary(t);
    const npm = `case "$*" in *--omit=dev*) echo '${report(runs)}';; *) echo '${report(all)}';; esac`;
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${npm}\nexit 1\n`);
    chmodSync(join(bin, 'npm'), 0o755);
    const PATH = `${bin}${delimiter}${process.env.PATH}`;
    const child = startNode('scripts/audit.ts', [], { PATH });
    return [await child.ended, ...child.output().trim().split('\n')];
  };
  const none = 'audited: no known hole';
  const one = 'audited: known holes: 1 high';
  const needs = 'and what development needs';
  assert.deepEqual(await audited(0, 0), [0, `what runs: ${none}`, `${needs}: ${none}`]);
  assert.deepEqual(await audited(0, 1), [0, `what runs: ${none}`, `${needs}: ${one}`]);
  assert.deepEqual(await audited(1, 1), [1, `what runs: ${one}`, `${needs}: ${one}`]);
});
