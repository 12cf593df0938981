/** The alert rules, the Grafana dashboard and the runbook name what exists, and each other. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { SERIES } from '../../src/metrics.ts';
import { ROOT } from '../support/processes.ts';
import { ALERT_CASES } from './alert-cases.ts';
import { wrongIn } from './promql.ts';
import { noPromtool } from './promtool.ts';

type Rule = {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
};
type Target = { expr: string; legendFormat: string };
type Panel = { title: string; targets?: Target[] };
type Variable = { query: string; name: string; type: string };
type Board = { panels: Panel[]; templating: { list: Variable[] } };

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const rules = (parse(read('deploy/monitoring/alerts.yml')) as { groups: { rules: Rule[] }[] })
  .groups[0].rules;
const board = JSON.parse(read('deploy/monitoring/grafana-clickrate.json')) as Board;
const targets = board.panels.flatMap((panel) => panel.targets ?? []);

test('the check sees a wrong name and a wrong label', () => {
  assert.deepEqual(wrongIn('rate(clickrate_events[1m])', [], SERIES), [
    'clickrate_events is not exported',
  ]);
  const wrong = wrongIn('sum by (route) (clickrate_ready{task="0"})', ['{{ $labels.le }}'], SERIES);
  assert.equal(wrong.length, 3);
  assert.deepEqual(wrongIn('1 > 0', [], SERIES), ['no metric in 1 > 0']);
});

test('every alert has courses of metrics that must fire it and must not', () => {
  const names = rules.map(({ alert }) => alert);
  assert.deepEqual(
    ALERT_CASES.map(({ alert }) => alert),
    names,
  );
});

test('every alert names metrics and labels that are exported', () => {
  assert.ok(rules.length >= 20);
  for (const { alert, expr, annotations, labels } of rules) {
    assert.deepEqual(wrongIn(expr, [annotations.summary], SERIES), [], alert);
    assert.ok(['critical', 'warning'].includes(labels.severity), alert);
  }
});

test('every panel of the dashboard names metrics and labels that are exported', () => {
  assert.ok(targets.length >= 30);
  for (const { expr, legendFormat } of targets)
    assert.deepEqual(wrongIn(expr, [legendFormat], SERIES), [], expr);
  for (const { query, name, type } of board.templating.list) {
    if (type !== 'query') continue;
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? assert.fail(query);
    assert.deepEqual(wrongIn(`sum by (${label}) (${metric})`, [], SERIES), [], name);
  }
});

test('the dashboard shows every metric but those that a panel cannot use', () => {
  const shown = targets.map(({ expr }) => expr).join('\n');
  // Shown by their age or lag instead, or by whether everything is ready.
  const others = ['clickrate_watermark_seconds', 'clickrate_task_ready', 'clickrate_task_standby'];
  const missing = [...SERIES.keys()].filter((name) => !new RegExp(`\\b${name}\\b`).test(shown));
  assert.deepEqual(
    missing.filter(
      (name) => !others.includes(name) && !/request_duration.*_(sum|count)$/.test(name),
    ),
    [],
  );
});

test('each alert has a section in the runbook, and each section an alert', () => {
  const runbook = read('docs/operations.md');
  const sections = [...runbook.matchAll(/^### (Clickrate\w+)$/gm)].map(([, name]) => name);
  assert.deepEqual(
    sections,
    rules.map(({ alert }) => alert),
  );
  for (const { alert, annotations } of rules)
    assert.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`);
  const parts = runbook.split(/^### /m).slice(1);
  for (const part of parts.filter((text) => text.startsWith('Clickrate')))
    for (const word of ['*Means*', '*Look*', '*Do*']) assert.ok(part.includes(word), part);
});

test("Prometheus' own tool takes the rules and the configuration", { skip: noPromtool() }, () => {
  const cwd = join(ROOT, 'deploy/monitoring');
  execFileSync('promtool', ['check', 'rules', 'alerts.yml'], { cwd });
  execFileSync('promtool', ['check', 'config', 'prometheus.yml'], { cwd });
});
