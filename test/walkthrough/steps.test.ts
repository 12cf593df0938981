/** The original's README, step by step, on a stack without containers. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { answers, runningServers } from '../../scripts/stack/server.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually, ROOT, start } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { endingStack } from '../support/stack-end.ts';
import { freePlace, logsOf, type Place, portsOf, processesOf, script, stack } from './place.ts';

const MINUTES = 60_000;
/** From the producers' start to the first two windows of five products. */
const FILLED_MS = 40_000;
const FIVE = ['product1', 'product2', 'product3', 'product4', 'product5'];

type Row = { product_id: string; ctr: number; window_start: number; window_end: number };

walk('lite', withoutKafka() || withoutRedis());
walk('flink', withoutKafka() || withoutRedis() || withoutFlink());

function walk(way: 'lite' | 'flink', skip: string | false): void {
  suite(`the walk-through, ${way}`, { skip, timeout: 8 * MINUTES }, () => {
    let place: Place;
    let end: () => Promise<void>;
    /** What the README's commands said when they were run here. */
    const said = new Map<string, string>();
    before(async () => {
      place = await freePlace(mkdtempSync(join(tmpdir(), 'clickrate-walk-')));
      end = endingStack(place.directory);
    });
    after(async () => {
      await end();
      rmSync(place.directory, { recursive: true, force: true });
    });

    const ok = async (name: string, ...words: string[]) => {
      const { code, text } = await script(place, name, ...words);
      assert.equal(code, 0, `${name}: ${text}`);
      const command = `./scripts/${name}.sh`;
      if (!said.has(command)) said.set(command, text);
      return text;
    };
    const rowsAt = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${place.api}${path}`);
      assert.equal(answer.status, 200);
      return (await answer.json()) as Record<string, Row>;
    };

    test('up: every port answers', async () => {
      const { code, text } = await stack(place, 'up', `--${way}`, ...portsOf(place));
      assert.equal(code, 0, text);
      said.set(`npm run --silent stack -- up --${way}`, text);
      const { kafka, redis, api, counter, flink, gateway } = place;
      const ports = [kafka, kafka + 1, kafka + 2, redis, api, counter];
      if (way === 'flink') ports.push(flink, gateway);
      for (const port of ports) assert.ok(await answers(port), `port ${port} of ${text}`);
      const again = await stack(place, 'up', `--${way}`, ...portsOf(place));
      assert.match(again.text, /it is up already/);
      const { text: status } = await stack(place, 'status');
      assert.match(status, /8080.*5540.*come with containers/);
      assert.match(status, new RegExp(`serving-api +pid \\d+, 127.0.0.1:${api}\n`));
    });

    test('create-topics.sh makes them once', async () => {
      assert.match(await ok('create-topics'), /impressions: is there\n/);
    });

    if (way === 'flink')
      test('deploy-flink-job.sh starts the job once', async () => {
        assert.match(await ok('deploy-flink-job'), /job [0-9a-f]{32} runs/);
        assert.match(await ok('deploy-flink-job'), /runs already/);
      });

    test('start-producers.sh: both windows of five products are there in time', async () => {
      const startMs = Date.now();
      assert.match(await ok('start-producers', '--rate', '300'), /the producers run \(pid/);
      const left = () => FILLED_MS - (Date.now() - startMs);
      const isFull = async (path: string) =>
        Object.keys(await rowsAt(path))
          .sort()
          .join() === FIVE.join();
      await eventually(() => isFull('/ctr/previous'), left()).catch((error) => {
        throw new Error(`${error}; the logs end:\n${logsOf(place)}`);
      });
      // In this order: a window may close between the two.
      const [previous, latest] = [await rowsAt('/ctr/previous'), await rowsAt('/ctr/latest')];
      assert.deepEqual(Object.keys(latest).sort(), FIVE);
      for (const name of FIVE) {
        assert.equal(latest[name].window_end - latest[name].window_start, 10_000);
        assert.ok(previous[name].window_start < latest[name].window_start);
        assert.ok(latest[name].ctr > 0);
      }
      assert.match(await ok('start-producers'), /run already/);
    });

    test('Redis holds them under the keys of the original', async () => {
      const child = start('redis-cli', ['-p', String(place.redis), 'hgetall', 'ctr:previous']);
      await child.ended;
      const lines = child.output().trim().split('\n');
      const rows = lines.filter((_, n) => n % 2 === 1).map((line) => JSON.parse(line) as Row);
      assert.deepEqual(rows.map((row) => row.product_id).sort(), FIVE);
    });

    test('stop-producers.sh and stop-flink-job.sh stop them, once', async () => {
      assert.match(await ok('stop-producers'), /are stopped/);
      assert.match(await ok('stop-producers'), /no producers run/);
      if (way === 'lite') return;
      assert.match(await ok('stop-flink-job'), /savepoint file:/);
      assert.match(await ok('stop-flink-job'), /nothing runs/);
    });

    test('down leaves nothing running', async () => {
      const { kafka, redis, api, counter, flink, gateway } = place;
      const { code, text } = await stack(place, 'down');
      assert.equal(code, 0, text);
      said.set('npm run --silent stack -- down', text);
      assert.deepEqual(runningServers(place.directory), []);
      assert.deepEqual(processesOf(place), []);
      for (const port of [kafka, kafka + 1, kafka + 2, redis, api, counter, flink, gateway])
        assert.equal(await answers(port), false, `port ${port}`);
    });

    if (way === 'flink')
      test('the README shows these commands and what they say', () => {
        const shown = shownIn('README.md', 'flink');
        assert.deepEqual([...shown.keys()], [...said.keys()]);
        for (const [command, text] of shown)
          assert.equal(shapeOf(text), shapeOf(said.get(command) as string), command);
      });
  });
}

/** Commands and the output under each, of the block of a document that is marked so. */
function shownIn(document: string, mark: string): Map<string, string> {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const [, block] = new RegExp(`<!-- ${mark} -->\n\`\`\`console\n([\\s\\S]*?)\`\`\``).exec(text)!;
  const steps = block.split(/^\$ /m).slice(1);
  return new Map(steps.map((step) => [step.split('\n')[0], step.slice(step.indexOf('\n') + 1)]));
}

/** What does not differ from place to place and time to time. */
function shapeOf(text: string): string {
  return text
    .trim()
    .replace(/^(fetching|compiling) .*\n/gm, '')
    .replace(/(file:)?\/[\w./-]+/g, 'PATH')
    .replace(/[0-9a-f]{32}/g, 'ID')
    .replace(/\d+/g, '#');
}
