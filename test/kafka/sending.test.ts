/** What is sent to Kafka, when brokers and answers are lost: all of it, once, in order. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { LIMITS, OPTIONS } from '../../src/config.ts';
import { KafkaIngest } from '../../src/sources/kafka/ingest.ts';
import { type Outgoing, Sender, type SenderOptions } from '../../src/sources/kafka/sender.ts';
import { freePort } from '../support/free-port.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { eventually, startNode } from '../support/processes.ts';
import { startProxy } from '../support/proxy.ts';
import { recordsOf } from '../support/records.ts';
import { readTopics } from './log-reader.ts';
import { pause } from './setup.ts';

type Test = { after(fn: () => unknown): void };

suite('sending to Kafka', { skip: withoutKafka() }, () => {
  let cluster: KafkaTestCluster;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  const closers: (() => unknown)[] = [];
  before(async () => {
    // Clients come by the proxy: the broker says that it is there.
    const ports = [{ client: await freePort(), controller: await freePort() }];
    proxy = await startProxy({ after: (fn) => closers.push(fn) }, ports[0].client);
    const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` };
    cluster = await startKafka({ brokers: 1, ports, properties });
  });
  after(async () => {
    await cluster.stop();
    for (const close of closers) await close();
  });

  let names = 0;
  const topicOf = async (partitions: number) => {
    const name = `s${process.pid}-${names++}`;
    await cluster.createTopics([name], partitions);
    return name;
  };
  const senderOf = (t: Test, options: SenderOptions = {}) => {
    const sender = new Sender({ ...OPTIONS, brokers: cluster.bootstrap }, options);
    t.after(() => sender.close());
    return sender;
  };
  const record = (topic: string, key: string | null, value: string): Outgoing => ({
    topic,
    value: Buffer.from(value),
    key: key === null ? null : Buffer.from(key),
  });
  const valuesOf = async (topic: string) =>
    (await readTopics(cluster.bootstrap, [topic])).map(({ records }) =>
      records.map(({ bytes }) => Buffer.from(bytes).toString()),
    );

  test('many calls at once: each key in order, records without key spread', async (t) => {
    const topic = await topicOf(3);
    const sender = senderOf(t);
    const calls = Array.from({ length: 200 }, (_, n) =>
      sender.send([
        record(topic, 'a', `a${n}`),
        record(topic, 'bb', `b${n}`),
        record(topic, null, '-'),
      ]),
    );
    await Promise.all(calls);
    assert.equal(sender.sent, 600);
    assert.equal(sender.waitingBytes, 0);
    const partitions = await valuesOf(topic);
    for (const letter of ['a', 'b']) {
      const found = partitions.map((values) => values.filter((value) => value[0] === letter));
      const expected = Array.from({ length: 200 }, (_, n) => `${letter}${n}`);
      assert.deepEqual(found.flat(), expected);
      assert.equal(found.filter(({ length }) => length > 0).length, 1);
    }
    const loose = partitions.map((values) => values.filter((value) => value === '-').length);
    assert.ok(Math.min(...loose) >= 66, String(loose));
  });

  test('the answer is lost: it is sent again and taken once', async (t) => {
    const topic = await topicOf(1);
    const sender = senderOf(t);
    await sender.send([record(topic, 'k', 'first')]);
    const lostBefore = proxy.lost();
    for (let n = 0; n < 5; n++) {
      proxy.loseAnswerTo(new RegExp(`value-${n}`));
      await sender.send([record(topic, 'k', `value-${n}`), record(topic, 'k', `more-${n}`)]);
    }
    assert.equal(proxy.lost() - lostBefore, 5);
    const expected = ['first', ...[0, 1, 2, 3, 4].flatMap((n) => [`value-${n}`, `more-${n}`])];
    assert.deepEqual(await valuesOf(topic), [expected]);
  });

  test('a broker that sleeps: a call is given up, what follows is sent', async (t) => {
    const topic = await topicOf(1);
    const troubles: string[] = [];
    const onTrouble = (sentence: string) => void troubles.push(sentence);
    const sender = senderOf(t, { giveUpMs: 500, onTrouble });
    await sender.send([record(topic, 'k', 'before')]);
    await cluster.brokers[0].kill();
    const call = sender.send([record(topic, 'k', 'away')]);
    await assert.rejects(call, { code: 'source_unavailable' });
    assert.ok(troubles.length > 0);
    assert.equal(sender.lost, 1);
    await cluster.brokers[0].start();
    // A leader is there a little later than the broker.
    for (let n = 0; n < 20; n++) {
      try {
        await sender.send([record(topic, 'k', 'after')]);
        break;
      } catch {
        await pause(250);
      }
    }
    const [values] = await valuesOf(topic);
    assert.deepEqual(values, ['before', 'after']);
  });

  test('a topic made anew with fewer partitions takes what was for the others', async (t) => {
    const topic = await topicOf(3);
    const sender = senderOf(t, { giveUpMs: 2_000 });
    const each = (text: string) =>
      ['a', 'bb', 'ccc', 'dddd', 'eeeee'].map((key) => record(topic, key, `${text} ${key}`));
    await sender.send(each('before'));
    assert.ok((await valuesOf(topic)).every((values) => values.length > 0));
    const admin = new Admin({ clientId: 't', bootstrapBrokers: cluster.bootstrap.split(',') });
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
    await eventually(
      async () => {
        await cluster.createTopics([topic], 1);
        return true;
      },
      10_000,
      500,
    );
    await eventually(async () => {
      await sender.send(each('after'));
      return true;
    });
    const [values] = await valuesOf(topic);
    for (const { value } of each('after')) assert.ok(values.includes(value.toString()));
  });

  test('what Kafka does not take is refused by name, and holds up nothing', async (t) => {
    const topic = await topicOf(1);
    const sender = senderOf(t, { giveUpMs: 5_000 });
    const ingest = new KafkaIngest(sender, { impressions: topic, clicks: topic }, LIMITS);
    const push = (...records: string[]) => ingest.push(recordsOf(records, 0));
    await assert.rejects(push('small', 'x'.repeat(1_000_000)), {
      code: 'body_too_large',
      message: /event 1 has 1000000 bytes/,
    });
    await assert.rejects(sender.send([record(topic, null, 'x'.repeat(1_100_000))]), {
      code: 'topic_settings',
      message: /max\.message\.bytes/,
    });
    await push('good');
    assert.deepEqual(await valuesOf(topic), [['good']]);
    // An id that no setting allows is no key: with it the record would be too large.
    const long = JSON.stringify({ product_id: 'p'.repeat(560_000), event_type: 'impression' });
    await push('before', long, 'after');
    assert.deepEqual(await valuesOf(topic), [['good', 'before', long, 'after']]);
    await assert.rejects(sender.send([record('none-such', null, 'x')]), {
      code: 'source_unavailable',
      message: /there is no topic none-such; make it with/,
    });
    const full = new KafkaIngest(
      sender,
      { impressions: topic, clicks: topic },
      {
        ...LIMITS,
        journalBytes: 10,
      },
    );
    const first = full.push(recordsOf(['123456'], 0));
    await assert.rejects(full.push(recordsOf(['123456'], 0)), { code: 'journal_full' });
    await first;
  });

  test('produce as fast as it can, the broker killed three times: all of it, once', async () => {
    const topics = [await topicOf(3), await topicOf(3)];
    const flags = ['--brokers', cluster.bootstrap];
    flags.push('--impressions-topic', topics[0], '--clicks-topic', topics[1]);
    const traffic = ['--events', '60000', '--rate', '6000', '--ids'];
    const producing = startNode('src/cli/main.ts', ['produce', ...flags, ...traffic]);
    for (let n = 0; n < 3; n++) {
      await pause(1_500 + 500 * n);
      await cluster.brokers[0].kill();
      await pause(300);
      await cluster.brokers[0].start();
    }
    assert.equal(await producing.ended, 0, producing.output());
    const ids = (await Promise.all(topics.map(valuesOf)))
      .flat(2)
      .map((text) => /"event_id": "(\w+)"/.exec(text)?.[1]);
    assert.equal(ids.length, 60_000);
    assert.equal(new Set(ids).size, 60_000);
    // Without a terminal this may be all that is seen: it must not look like the end.
    assert.match(producing.output(), /clickrate: (trying again|waiting): /);
  });

  test('a stop while the broker is away ends, and says what may be missing', async () => {
    const topics = [await topicOf(1), await topicOf(1)];
    const flags = ['--brokers', cluster.bootstrap];
    flags.push('--impressions-topic', topics[0], '--clicks-topic', topics[1]);
    const producing = startNode('src/cli/main.ts', ['produce', ...flags]);
    const begun = async () => (await Promise.all(topics.map(valuesOf))).flat(2).length > 0;
    await eventually(begun, 30_000);
    await cluster.brokers[0].kill();
    await pause(1_000);
    producing.process.kill('SIGINT');
    assert.equal(await producing.ended, 1, producing.output());
    assert.match(producing.output(), /\d+ more were not acknowledged/);
    await cluster.brokers[0].start();
    const sent = Number(/(\d+) records sent/.exec(producing.output())![1]);
    const found = (await Promise.all(topics.map(valuesOf))).flat(2).length;
    assert.ok(found >= sent, `${found} found, ${sent} acknowledged`);
  });
});
