/** The job's SQL, from its settings. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { MOST_ID_BYTES, OPTIONS, SETTINGS } from '../../src/config.ts';
import { fingerprint, type Job, jobSettings } from '../../src/flink/job.ts';
import { kafkaProperties } from '../../src/flink/kafka-properties.ts';
import { definitions, restoring, sessionProperties, statementSet } from '../../src/flink/sql.ts';
import { MAX_RECORD_BYTES } from '../../src/sources/kafka/ingest.ts';
import { ROOT, temporary } from '../support/processes.ts';

const JOB: Job = {
  name: 'clickrate',
  settings: jobSettings(SETTINGS),
  topics: {
    impressions: 'impressions',
    clicks: 'clicks',
    rejected: 'ctr-rejected',
    results: 'ctr-results',
    heartbeat: 'ctr-heartbeat',
    progress: 'ctr-progress',
  },
  kafka: { 'bootstrap.servers': '127.0.0.1:9092' },
  group: 'clickrate-flink',
  parallelism: 2,
  jar: '/opt/functions.jar',
  start: 'earliest',
  idleMs: 20_000,
  checkpointMs: 5_000,
  dedupMs: 0,
  watermarks: 'periodic',
};

const textOf = (job: Job) => [...definitions(job), statementSet(job)].join('\n');
const statement = (job: Job, begin: string) =>
  definitions(job).find((text) => text.startsWith(begin)) as string;

suite('the SQL of the job', () => {
  test('counts by product and window, upserted by both', () => {
    const job = statementSet(JOB);
    assert.match(job, /^STATEMENT SET BEGIN\nINSERT INTO results/);
    assert.match(
      job,
      /FROM counted GROUP BY product_id, TUMBLE\(`rowtime`, INTERVAL '10' SECOND\(2, 3\)\)/,
    );
    assert.match(job, /;\nEND;$/);
    const results = statement(JOB, 'CREATE TEMPORARY TABLE results');
    assert.match(results, /PRIMARY KEY \(product_id, window_start\) NOT ENFORCED/);
  });

  test('takes every number from the settings', () => {
    const numbers = { windowMs: 500, watermarkDelayMs: 1_250, allowedLatenessMs: 90_000 };
    const settings = { ...JOB.settings, ...numbers, futureMs: 7_000, driftMs: 61_000 };
    const job = { ...JOB, settings, idleMs: 1_234 };
    assert.match(textOf(job), /TUMBLE\(`rowtime`, INTERVAL '0\.500' SECOND\(2, 3\)\)/);
    assert.match(textOf(job), /`rowtime` - INTERVAL '1\.250' SECOND\(2, 3\)/);
    const rules = ['500', '90000', '7000'].map((n) => `CAST(${n} AS BIGINT)`).join(', ');
    assert.ok(textOf(job).includes(`CURRENT_WATERMARK(\`rowtime\`), ${rules})`));
    assert.match(textOf(job), /'scan\.watermark\.alignment\.max-drift' = '61000 ms'/);
    assert.match(textOf(job), /'scan\.watermark\.idle-timeout' = '1234 ms'/);
    // What is counted without a watermark, after a restart, finds its window there for longer.
    assert.equal(sessionProperties(job)['table.exec.emit.allow-lateness'], '150000 ms');
    const brief = sessionProperties({ ...job, keepMs: 500 });
    assert.equal(brief['table.exec.emit.allow-lateness'], '90500 ms');
  });

  test('tells of its watermark as often as asked for', () => {
    const strategy = /'scan\.watermark\.emit\.strategy' = '(.*)'/;
    assert.equal(strategy.exec(textOf(JOB))?.[1], 'on-periodic');
    assert.equal(strategy.exec(textOf({ ...JOB, watermarks: 'on-event' }))?.[1], 'on-event');
  });

  test('rejected events go exactly once, with the names of the engine in their headers', () => {
    const table = statement(JOB, 'CREATE TEMPORARY TABLE rejected');
    assert.match(table, /'sink\.delivery-guarantee' = 'exactly-once'/);
    assert.match(textOf(JOB), /FROM judged WHERE reason IS NOT NULL/);
    const without = { ...JOB, topics: { ...JOB.topics, rejected: '' } };
    assert.doesNotMatch(textOf(without), /rejected/);
  });

  test('rejected events are cut where the engine cuts them', () => {
    assert.match(textOf(JOB), /SELECT ctr_kept_key\(`key`\), ctr_kept_value\(`value`\)/);
    const java = readFileSync(join(ROOT, 'flink/src/clickrate/flink/Kept.java'), 'utf8');
    const limit = (name: string) =>
      Number(new RegExp(` ${name} = ([\\d_]+);`).exec(java)?.[1].replaceAll('_', ''));
    assert.equal(limit('MAX_VALUE_BYTES'), MAX_RECORD_BYTES);
    assert.equal(limit('MAX_KEY_BYTES'), MOST_ID_BYTES);
  });

  test('deduplication only when asked for, with the life of an id', () => {
    assert.doesNotMatch(textOf(JOB), /ROW_NUMBER/);
    assert.equal(sessionProperties(JOB)['table.exec.state.ttl'], undefined);
    const job = { ...JOB, dedupMs: 600_000 };
    assert.match(textOf(job), /ROW_NUMBER\(\) OVER \(PARTITION BY `topic`, `partition`/);
    assert.match(textOf(job), /FROM numbered WHERE reason IS NULL/);
    assert.equal(sessionProperties(job)['table.exec.state.ttl'], '600000 ms');
  });

  test('ends what was left open by itself, and by no other job', () => {
    const prefix = (name: string) =>
      /'sink\.transactional-id-prefix' = '(.*)'/.exec(textOf({ ...JOB, name }))?.[1] as string;
    assert.match(textOf(JOB), /'sink\.transaction-naming-strategy' = 'pooling'/);
    assert.ok(!prefix('clickrate-2').startsWith(prefix('clickrate')));
  });

  test('one topic for both kinds is read once', () => {
    const topics = { ...JOB.topics, clicks: 'impressions' };
    assert.match(textOf({ ...JOB, topics }), /'topic' = 'impressions;ctr-heartbeat'/);
  });

  test('begins at a time, or goes on from a path', () => {
    const timed = textOf({ ...JOB, start: 1_700_000_000_000 });
    assert.match(timed, /'scan\.startup\.timestamp-millis' = '1700000000000'/);
    assert.equal(
      restoring("file:/it's here"),
      "SET 'execution.state-recovery.path' = 'file:/it''s here'",
    );
  });

  test('a quote in a name stays inside its text', () => {
    const topics = { ...JOB.topics, results: "x', 'y" };
    assert.match(textOf({ ...JOB, topics }), /'topic' = 'x'', ''y'/);
  });

  test('refuses limits other than those its functions have', () => {
    const java = readFileSync(join(ROOT, 'flink/src/clickrate/flink/Event.java'), 'utf8');
    for (const [name, constant] of [
      ['maxEventBytes', 'MAX_EVENT_BYTES'],
      ['maxProductIdBytes', 'MAX_PRODUCT_ID_BYTES'],
    ] as const) {
      const built = new RegExp(` ${constant} = ([\\d_]+);`).exec(java)?.[1].replaceAll('_', '');
      assert.equal(Number(built), SETTINGS[name]);
      const message = new RegExp(`${name} is 100: .* take ${SETTINGS[name]} only`);
      const other = { ...SETTINGS, [name]: 100 };
      assert.throws(() => jobSettings(other), { code: 'config_invalid', message });
    }
  });

  test('knows what its state depends on', () => {
    const { windowMs, ...rest } = fingerprint(JOB);
    assert.equal(windowMs, '10000');
    assert.equal(rest['topic results'], 'ctr-results');
    assert.equal(rest.deduplication, 'off');
    assert.ok(!('parallelism' in rest), 'it may change');
  });
});

suite('the properties of Flink’s Kafka clients', () => {
  test('are plain without security', () => {
    assert.deepEqual(kafkaProperties(OPTIONS), {
      'bootstrap.servers': OPTIONS.brokers,
      'client.id': OPTIONS.clientId,
    });
  });

  test('carry the login, its quotes escaped', () => {
    const login = { saslMechanism: 'SCRAM-SHA-256', saslUsername: 'me', saslPassword: 'a"b\\c' };
    const found = kafkaProperties({ ...OPTIONS, ...login, tls: true });
    assert.equal(found['security.protocol'], 'SASL_SSL');
    assert.equal(found['sasl.mechanism'], 'SCRAM-SHA-256');
    assert.match(found['sasl.jaas.config'], /scram\.ScramLoginModule required username="me"/);
    assert.ok(found['sasl.jaas.config'].endsWith('password="a\\"b\\\\c";'));
  });

  test('carry what is in the files of certificates, and only with TLS', (t) => {
    const directory = temporary(t);
    const file = (name: string) => {
      writeFileSync(join(directory, name), `the ${name}`);
      return join(directory, name);
    };
    const [tlsCa, tlsCert, tlsKey] = ['ca', 'cert', 'key'].map(file);
    const of = (more: Partial<typeof OPTIONS>) =>
      Object.entries(kafkaProperties({ ...OPTIONS, ...more })).slice(2);
    const ssl = ['security.protocol', 'SSL'];
    const trusted = [
      ['ssl.truststore.type', 'PEM'],
      ['ssl.truststore.certificates', 'the ca'],
    ];
    const own = [
      ['ssl.keystore.type', 'PEM'],
      ['ssl.keystore.certificate.chain', 'the cert'],
      ['ssl.keystore.key', 'the key'],
    ];
    assert.deepEqual(of({ tls: true }), [ssl]);
    assert.deepEqual(of({ tls: true, tlsCa }), [ssl, ...trusted]);
    assert.deepEqual(of({ tls: true, tlsCa, tlsCert, tlsKey }), [ssl, ...trusted, ...own]);
    assert.deepEqual(of({ tls: true, tlsCert, tlsKey }), [ssl, ...own]);
    assert.deepEqual(of({ tls: false, tlsCa, tlsCert, tlsKey }), []);
    const gone = join(directory, 'gone');
    assert.throws(() => of({ tls: true, tlsCa: gone }), {
      code: 'file_unreadable',
      message: /gone/,
    });
  });

  test('name the mechanism as Java knows it, however it was written', () => {
    const of = (saslMechanism: string) => kafkaProperties({ ...OPTIONS, saslMechanism });
    assert.deepEqual(of('plain'), of('PLAIN'));
    assert.deepEqual(of('scram-sha-512'), of('SCRAM-SHA-512'));
    assert.equal(of('plain')['sasl.mechanism'], 'PLAIN');
    assert.match(of('plain')['sasl.jaas.config'], /\.plain\.PlainLoginModule required /);
  });
});
