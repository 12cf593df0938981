/** Ctrl-C: the first asks for a stop, the next ends at once; npm makes two of the first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { onStopSignal } from '../../src/cli/signals.ts';
import { outputOf, startNode, temporary } from '../support/processes.ts';

test('one Ctrl-C that npm hands on once more stops as one does', async (t) => {
  const args = ['run', '--generate', '--window-ms', '2000', '--port', '0', '--data', temporary(t)];
  const child = startNode('src/cli/main.ts', args);
  t.after(() => child.kill());
  await outputOf(child, /the first window is served after about 5 s/);
  child.process.kill('SIGINT');
  await sleep(2);
  child.process.kill('SIGINT');
  assert.equal(await child.ended, 0, child.output());
  assert.match(child.output(), /stopped: every accepted event is stored/);
});

test('a second one by hand ends the process', async (t) => {
  const before = process.listeners('SIGHUP');
  t.after(() => {
    for (const listener of process.listeners('SIGHUP'))
      if (!before.includes(listener)) process.off('SIGHUP', listener);
  });
  const exit = t.mock.method(process, 'exit', () => {});
  const seen: string[] = [];
  onStopSignal(['SIGHUP'], (name) => seen.push(name));
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGHUP', 'SIGHUP');
  assert.equal(exit.mock.callCount(), 0);
  await sleep(550);
  process.emit('SIGHUP', 'SIGHUP');
  assert.deepEqual([seen, exit.mock.calls[0]?.arguments], [['SIGHUP'], [130]]);
});
