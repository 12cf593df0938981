/** What ingest tells a producer is what the engine then does. */
import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FILE_TASK, mustBeFilledBy, SINK_TASK } from '../../src/cli/data.ts';
import { rowSum } from '../../src/seal.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { embedded, event } from '../operations/engine.ts';
import { eventually, outputOf, startNode, temporary } from '../support/processes.ts';

/** What a clock that was ahead, and was set right, leaves behind. */
function setAhead(data: string, ms: number): void {
  const db = openDatabase(join(data, 'clickrate.db'));
  const head = db.prepare('SELECT topic, next FROM journal_head').get();
  const { topic, next } = head as { topic: string; next: number };
  const arrival = Date.now() + ms;
  db.prepare('UPDATE journal_head SET arrival = ?, crc = ?').run(
    arrival,
    rowSum(topic, next, arrival),
  );
  db.close();
}

test('after a clock jump events are judged by the receive time that is stored', async (t) => {
  const data = temporary(t);
  setAhead(data, 3_600_000);
  const engine = await embedded(data);
  t.after(() => engine.stop());
  const send = async (...aheadMs: number[]) => {
    const lines = aheadMs.map((ms) => `${event('a', Date.now() + ms)}\n`);
    const body = lines.join('');
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await fetch(`${engine.url}/v1/events`, { method: 'POST', headers, body });
    assert.equal(answer.status, 202);
    return (await answer.json()) as { accepted: number; unusable_total: number };
  };
  const first = await send(0, 60_000, 7_200_000);
  assert.deepEqual([first.accepted, first.unusable_total], [2, 1]);
  const second = await send(61_000);
  assert.deepEqual([second.accepted, second.unusable_total], [1, 0]);
  const { received, verdicts } = await eventually(async () => {
    const ledger = engine.pipeline.health().live?.ledger;
    return ledger?.received === 4 ? ledger : null;
  });
  assert.equal(received - verdicts.future_timestamp, first.accepted + second.accepted);
});

test('a directory that is moved away is missed, and found again', async (t) => {
  const data = join(temporary(t), 'data');
  const engine = await embedded(data);
  t.after(() => engine.stop());
  const send = async () => {
    const headers = { 'content-type': 'application/json' };
    const body = event('a', Date.now());
    return await fetch(`${engine.url}/v1/events`, { method: 'POST', headers, body });
  };
  assert.equal((await send()).status, 202);
  renameSync(data, `${data}-moved`);
  const refused = await send();
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /clickrate\.db was moved/);
  await eventually(async () => {
    const ready = await fetch(`${engine.url}/readyz`);
    assert.match(await ready.text(), /clickrate\.db was moved/);
    return ready.status === 503;
  });
  renameSync(`${data}-moved`, data);
  assert.equal((await send()).status, 202);
  await eventually(async () => engine.pipeline.health().live?.ledger.received === 2);
});

test('a stop does not say that events are stored whose file is gone', async (t) => {
  const data = join(temporary(t), 'data');
  const child = startNode('src/cli/main.ts', ['run', '--port', '0', '--data', data]);
  t.after(() => child.kill());
  const [, url] = await outputOf(child, /open (\S+)/);
  const headers = { 'content-type': 'application/json' };
  const body = event('a', Date.now());
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
  assert.equal(answer.status, 202);
  rmSync(data, { recursive: true });
  assert.equal(await child.kill('SIGTERM'), 1);
  assert.match(child.output(), /clickrate\.db was moved or deleted/);
  assert.doesNotMatch(child.output(), /is stored/);
});

test('--take-over, which has no meaning for one process, is refused', async (t) => {
  const data = join(temporary(t), 'data');
  const child = startNode('src/cli/main.ts', ['run', '--take-over', '--port', '0', '--data', data]);
  t.after(() => child.kill());
  await outputOf(child, /^clickrate: --take-over needs --source kafka: /m);
  assert.deepEqual([await child.ended, existsSync(data)], [2, false]);
});

test('who filled a directory that belongs to another is named', () => {
  const filledBy = (task: string) => ({ filledBy: () => [task] });
  for (const [task, name] of [
    [FILE_TASK, 'replay'],
    [SINK_TASK, 'sink'],
    ['1', 'run'],
  ] as const)
    assert.throws(() => mustBeFilledBy(filledBy(task), '0', 'here'), {
      code: 'source_foreign',
      message: new RegExp(`^here was filled by clickrate ${name} \\(task ${task}\\)`),
    });
});
