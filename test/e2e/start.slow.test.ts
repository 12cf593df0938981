/** What a person does first: `npm start`, and look. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, outputOf, start, startNode, temporary } from '../support/processes.ts';

test('npm start alone fills /ctr/latest with five products within 25 s', async (t) => {
  const data = temporary(t);
  const child = start('npm', ['start', '--', '--port', '0', '--data', data]);
  t.after(() => child.kill('SIGTERM'));
  const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
  const rows = await eventually(async () => {
    const response = await fetch(`${url}/ctr/latest`);
    const body = (await response.json()) as Record<string, Record<string, number>>;
    return Object.keys(body).length === 5 ? body : null;
  }, 25_000);
  for (const [product, row] of Object.entries(rows)) {
    assert.deepEqual(Object.keys(row), [
      'product_id',
      'ctr',
      'impressions',
      'clicks',
      'window_start',
      'window_end',
    ]);
    assert.equal(row.window_end - row.window_start, 10_000);
    assert.ok(row.ctr >= 0 && row.ctr < 1, `${product}: ${row.ctr}`);
  }
  const ready = await fetch(`${url}/readyz`);
  assert.equal(ready.status, 200, await ready.text());
});

test('a second start on the same directory says who holds it', async (t) => {
  const data = temporary(t);
  const args = ['run', '--port', '0', '--data', data];
  const first = startNode('src/cli/main.ts', args);
  t.after(() => first.kill());
  const [, url] = await outputOf(first, /open (http:\/\/[\d.:]+)/);
  const second = startNode('src/cli/main.ts', args);
  assert.equal(await second.ended, 1);
  assert.match(second.output(), new RegExp(`${first.process.pid}`));
  assert.ok(second.output().includes(url), second.output());
});

test('a taken port is said in one sentence', async (t) => {
  const first = startNode('src/cli/main.ts', ['run', '--port', '0', '--data', temporary(t)]);
  t.after(() => first.kill());
  const [, port] = await outputOf(first, /open http:\/\/[\d.]+:(\d+)/);
  const second = startNode('src/cli/main.ts', ['run', '--port', port, '--data', temporary(t)]);
  assert.equal(await second.ended, 1);
  assert.match(second.output(), new RegExp(`port ${port} of 127.0.0.1 is in use`));
});

test('SIGTERM drains and ends with 0; wrong flags end with 2', async (t) => {
  const child = startNode('src/cli/main.ts', [
    ...['run', '--port', '0', '--generate', '--data'],
    temporary(t),
  ]);
  await outputOf(child, /open http/);
  assert.equal(await child.kill('SIGTERM'), 0, child.output());
  assert.match(child.output(), /stopped: every accepted event is stored/);
  const wrong = startNode('src/cli/main.ts', ['run', '--window-ms', 'ten']);
  assert.equal(await wrong.ended, 2);
  assert.match(wrong.output(), /--window-ms must be a number, not "ten"/);
});
