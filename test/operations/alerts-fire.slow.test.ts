/** Prometheus' own tool runs the alert rules over courses of metrics. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, temporary } from '../support/processes.ts';
import { ALERT_CASES, promtoolTests } from './alert-cases.ts';
import { noPromtool } from './promtool.ts';

test('each alert fires when it must, and not when it must not', { skip: noPromtool() }, (t) => {
  const file = join(temporary(t), 'alerts.test.yml');
  const asked = (text: string) => {
    writeFileSync(file, text);
    return spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  };
  const rules = join(ROOT, 'deploy/monitoring/alerts.yml');
  const done = asked(promtoolTests(rules, ALERT_CASES));
  assert.equal(done.status, 0, `${done.stdout}${done.stderr}`);
  // The check sees an alert that does not fire.
  const [down] = ALERT_CASES;
  assert.notEqual(asked(promtoolTests(rules, [{ ...down, fires: down.calm }])).status, 0);
});
