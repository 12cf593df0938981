/** The commands that write to Kafka, as a user runs them, against a real broker. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { type Child, eventually, outputOf, startNode, temporary } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning } from './engines.ts';
import { endsOf, readTopics } from './log-reader.ts';
import { pause, setUp } from './setup.ts';

type Truth = {
  records: number;
  windows: { product_id: string; window_start: number; impressions: number; clicks: number }[];
};
type Event = { product_id: string; timestamp: number; event_type: string };

suite('commands of the Kafka size', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());

  let names = 0;
  /** Topics and a group of a test's own: what all commands share. */
  const own = () => {
    const name = `c${process.pid}-${names++}`;
    const topics = [`imp-${name}`, `clk-${name}`] as const;
    const shared = {
      CLICKRATE_BROKERS: cluster.bootstrap,
      CLICKRATE_GROUP: `g-${name}`,
      CLICKRATE_IMPRESSIONS_TOPIC: topics[0],
      CLICKRATE_CLICKS_TOPIC: topics[1],
      CLICKRATE_REJECTED_TOPIC: `rej-${name}`,
    };
    const start = (...args: string[]) => startNode('src/cli/main.ts', args, shared);
    const cli = (...args: string[]) => ended(start(...args));
    return { name, topics, shared, start, cli };
  };
  const ended = async (child: Child) => ({ code: await child.ended, text: child.output() });

  test('topics create makes them once, and says how others differ', async () => {
    const { name, topics, cli } = own();
    const made = await cli('topics', 'create');
    assert.deepEqual(made, {
      code: 0,
      text: `${topics[0]}: made\n${topics[1]}: made\nrej-${name}: made\n`,
    });
    const again = await cli('topics', 'create');
    assert.match(again.text, /^(\S+: is there\n){3}$/);
    const other = await cli('topics', 'create', '--partitions', '5');
    assert.equal(other.code, 1);
    assert.match(other.text, /it has 3 partitions, not 5/);
    const missing = await cli('topics', 'create', '--partitions', '5', '--missing');
    assert.equal(missing.code, 0);
    assert.match(missing.text, /it has 3 partitions, not 5/);
    const list = await cli('topics', 'list');
    assert.match(list.text, new RegExp(`${topics[0]}  3 partitions  1 replicas`));
  });

  test('topics create says that a topic is compacted: of each product one event would be left', async () => {
    const { topics, cli } = own();
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [cluster.bootstrap] });
    const configs = [{ name: 'cleanup.policy', value: 'compact' }];
    await admin.createTopics({ topics: [topics[0]], partitions: 3, replicas: 1, configs });
    await admin.close();
    const made = await cli('topics', 'create');
    assert.equal(made.code, 1);
    assert.match(made.text, new RegExp(`${topics[0]}: cleanup.policy is compact, not delete`));
  });

  test('topics create --missing makes the rest fit what is there', async () => {
    const { name, topics, cli } = own();
    await cluster.createTopics([topics[1]], 6);
    const made = await cli('topics', 'create', '--missing');
    assert.equal(made.code, 0, made.text);
    assert.match(made.text, new RegExp(`${topics[0]}: made\n[^]*rej-${name}: made`));
    const list = await cli('topics', 'list');
    assert.match(list.text, new RegExp(`${topics[0]}  6 partitions`));
  });

  test('produce sends what its truth says, keyed so that a product meets itself', async (t) => {
    const { topics, cli } = own();
    await cli('topics', 'create');
    const truthFile = join(temporary(t), 'truth.json');
    const traffic = ['--events', '20000', '--rate', 'max', '--products', '30'];
    const done = await cli('produce', ...traffic, '--truth', truthFile);
    assert.equal(done.code, 0, done.text);
    assert.match(done.text, /20000 events in 20000 records sent/);
    const truth = JSON.parse(readFileSync(truthFile, 'utf8')) as Truth;
    const counts = new Map<string, number>();
    const partitions = new Map<string, Set<string>>();
    for (const log of await readTopics(cluster.bootstrap, topics))
      for (const { bytes } of log.records) {
        const event = JSON.parse(Buffer.from(bytes).toString()) as Event;
        const start = Math.floor(event.timestamp / 10_000) * 10_000;
        const key = `${event.product_id} ${start} ${event.event_type}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        const seen = partitions.get(event.product_id) ?? new Set();
        partitions.set(event.product_id, seen.add(log.partition.split('-').at(-1)!));
        assert.ok(log.partition.startsWith(event.event_type === 'click' ? 'clk' : 'imp'));
      }
    const expected = truth.windows.flatMap(({ product_id, window_start, impressions, clicks }) => [
      [`${product_id} ${window_start} impression`, impressions] as const,
      [`${product_id} ${window_start} click`, clicks] as const,
    ]);
    assert.deepEqual([...counts].sort(), expected.filter(([, count]) => count > 0).sort());
    assert.ok([...partitions.values()].every((seen) => seen.size === 1));
    const tail = await cli('topics', 'tail', topics[0], '--from-beginning', '--max', '3');
    assert.match(tail.text, /^(imp-\S+-\d \d+ \S+Z product\d+ \{.*\}\n){3}$/);
  });

  test('produce takes its traffic from the environment too, but the flags go before it', async (t) => {
    const { shared, cli } = own();
    await cli('topics', 'create');
    const truthFile = join(temporary(t), 'truth.json');
    const traffic = ['--events', '500', '--rate', 'max', '--seed', '7', '--truth', truthFile];
    const environment = { CLICKRATE_PRODUCTS: '3', CLICKRATE_RATE: '9', CLICKRATE_SEED: '1' };
    const child = startNode('src/cli/main.ts', ['produce', ...traffic], {
      ...shared,
      ...environment,
    });
    assert.equal(await child.ended, 0, child.output());
    const { windows } = JSON.parse(readFileSync(truthFile, 'utf8')) as Truth;
    assert.equal(new Set(windows.map(({ product_id }) => product_id)).size, 3);
  });

  test('produce that is stopped does not count what it held back', async () => {
    const { topics, start } = own();
    await cluster.createTopics(topics, 1);
    const child = start('produce', '--disorder-ms', '60000');
    await eventually(async () => (await endsOf(cluster.bootstrap, topics))[0].last, 30_000);
    await child.kill('SIGTERM');
    const [, events, records] = await outputOf(child, /(\d+) events in (\d+) records sent/);
    assert.equal(events, records);
  });

  test('a broker killed while it is sent to: nothing is lost, nothing is there twice', async () => {
    const { topics, start, cli } = own();
    await cli('topics', 'create');
    const traffic = ['--events', '6000', '--rate', '1500', '--ids'];
    const producing = start('produce', ...traffic);
    await pause(3_000);
    await cluster.brokers[0].kill();
    await pause(1_000);
    await cluster.brokers[0].start();
    assert.equal(await producing.ended, 0, producing.output());
    const logs = await readTopics(cluster.bootstrap, topics);
    const ids = logs.flatMap(({ records }) =>
      records.map(({ bytes }) => /"event_id": "(\w+)"/.exec(Buffer.from(bytes).toString())![1]),
    );
    assert.equal(new Set(ids).size, 6_000);
    assert.equal(ids.length, 6_000);
    assert.match(producing.output(), /6000 events in 6000 records sent/);
  });

  test('HTTP ingest goes to Kafka, what cannot be used into the ledger and ctr-rejected', async (t) => {
    const world = await setUp(t, cluster);
    const rejected = `rej-${world.name}`;
    await cluster.createTopics([rejected], 1);
    const more = { flags: ['--rejected-topic', rejected] };
    const engine = await world.engine(more);
    await allRunning([engine], 3);
    const now = Date.now();
    const event = (product_id: unknown, event_type: string) =>
      JSON.stringify({ product_id, timestamp: now, event_type });
    const lines = [event('a', 'impression'), event(7, 'click'), 'no json', event('a', 'view')];
    const answer = await fetch(`${engine.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    assert.equal(answer.status, 202);
    assert.equal(((await answer.json()) as { accepted: number }).accepted, 2);
    await world.mustBeExact();
    const flags = ['--brokers', cluster.bootstrap, '--rejected-topic', rejected];
    const cli = (...args: string[]) => ended(startNode('src/cli/main.ts', args));
    const list = async (...args: string[]) => {
      const { text } = await cli('rejected', 'list', ...flags, ...args);
      return text
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Listed);
    };
    const all = await list();
    assert.deepEqual(all.map(({ reason, text }) => [reason, text]).sort(), [
      ['bad_event_type', lines[3]],
      ['not_json', 'no json'],
    ]);
    assert.ok(all.every(({ origin }) => origin.startsWith(world.impressions)));
    assert.equal((await list('--reason', 'not_json')).length, 1);

    // Sent again, it comes to where it came from, and is judged anew; then there is nothing left.
    const replay = async (...args: string[]) =>
      (await cli('rejected', 'replay', ...flags, '--group', `g-${world.name}`, ...args)).text;
    assert.match(await replay('--reason', 'not_json'), /1 sent again, 1 passed over/);
    await world.mustBeExact();
    assert.equal((await list()).length, 3);
    assert.match(await replay('--reason', 'bad_event_type'), /1 sent again/);
    await world.mustBeExact();
    await replay();
    await world.mustBeExact();
    const before = (await list()).length;
    assert.match(await replay('--reason', 'bad_event_type', '--again'), /[2-9] sent again/);
    await world.mustBeExact();
    assert.ok((await list()).length > before);
  });
});
type Listed = { reason: string; origin: string; text: string };
