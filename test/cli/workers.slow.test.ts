/** `clickrate api --workers`: one port, metrics of all, and a worker that dies is replaced. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { eventually, outputOf, startNode } from '../support/processes.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';

type Test = { after(fn: () => unknown): void };

/** Starting processes takes long on a busy machine. */
const WAIT_MS = 60_000;

function started(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = startNode('src/cli/main.ts', args, env);
  t.after(() => child.kill('SIGKILL'));
  return child;
}

const children = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Values of a metric by worker. */
async function byWorker(url: string, name: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const types = text.split('\n').filter((line) => line.startsWith('# TYPE'));
  assert.equal(new Set(types).size, types.length, 'each metric is described once');
  const found = text.matchAll(RegExp(`^${name}{(?:.*,)?worker="(\\d+)"} (\\S+)$`, 'gm'));
  return new Map([...found].map(([, worker, value]) => [worker, Number(value)]));
}

suite('several workers', { skip: withoutRedis() }, () => {
  test('answer on one port, are told apart, replaced, and stopped together', async (t) => {
    const redis = await startRedis(t);
    const child = started(t, ['api', '--workers', '2', '--port', '0', '--redis', redis.url]);
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/, WAIT_MS);
    assert.equal((await fetch(`${url}/ctr/latest`)).status, 200);
    // A worker that takes over a second to say is left out of that answer.
    await eventually(async () => {
      const uptimes = await byWorker(url, 'clickrate_process_uptime_seconds');
      assert.deepEqual([...uptimes.keys()].sort(), ['1', '2']);
      return true;
    }, WAIT_MS);
    const text = await (await fetch(`${url}/metrics`)).text();
    assert.equal(text.match(/^clickrate_ready /gm)?.length, 1, 'what is of the store is told once');

    const workers = children(child.process.pid!);
    assert.equal(workers.length, 2);
    process.kill(workers[0], 'SIGKILL');
    // The other one answers meanwhile.
    await eventually(async () => (await byWorker(url, 'clickrate_stream_readers')).size === 1);
    await outputOf(child, /a worker ended; it is started again/);
    await eventually(
      async () => (await byWorker(url, 'clickrate_stream_readers')).size === 2,
      WAIT_MS,
    );
    const left = children(child.process.pid!);
    assert.ok(left.includes(workers[1]) && !left.includes(workers[0]));

    const beganMs = performance.now();
    assert.equal(await child.kill('SIGTERM'), 0, child.output());
    assert.ok(performance.now() - beganMs < 10_000, child.output());
    assert.match(child.output(), /stopped/);
    for (const pid of left) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });

  test('that cannot begin say why, once', async (t) => {
    const redis = await startRedis(t);
    const flags = ['--workers', '2', '--redis', redis.url, '--port', String(redis.port)];
    const child = started(t, ['api', ...flags]);
    assert.equal(await child.ended, 1);
    assert.equal(child.output().match(/is in use; choose another/g)?.length, 1, child.output());
  });

  test('end together when a later one cannot begin', { timeout: WAIT_MS }, async (t) => {
    const redis = await startRedis(t);
    const exits = "if(process.env.CLICKRATE_WORKER_SLOT==='2')process.exit(3)";
    const args = ['api', '--workers', '2', '--port', '0', '--redis', redis.url];
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${exits}` };
    const child = started(t, args, env);
    assert.equal(await child.ended, 3, child.output());
    assert.doesNotMatch(child.output(), /started again|the API is up/);
  });
});

test('only the API can be several, and only so many', async (t) => {
  const refused = async (...args: string[]) => {
    const child = started(t, args);
    assert.equal(await child.ended, 2);
    return child.output();
  };
  assert.match(await refused('run', '--workers', '2'), /unknown option '--workers'/);
  assert.match(await refused('api', '--workers', '0'), /from 1 to 64/);
});
