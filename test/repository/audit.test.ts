/** What the audit of our dependencies makes of a registry's answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judged } from '../../scripts/audit.ts';

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
  assert.match(judged('').text, /^not audited/);
});
