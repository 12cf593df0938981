/** TLS and login: our own fetch connection and the library's clients get in, strangers do not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Admin, alterUserScramCredentialsV0 } from '@platformatic/kafka';
import { OPTIONS } from '../../src/config.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { Sender } from '../../src/sources/kafka/sender.ts';
import { freePort } from '../support/free-port.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning, readiness } from './engines.ts';
import { pause, setUp } from './setup.ts';

/** How long a login over PLAIN holds: then the broker cuts off who has not logged in anew. */
const LOGIN_MS = 5_000;

/** A key and a certificate for 127.0.0.1, as Java and as PEM; made again, they are others. */
function certificate(directory: string) {
  const store = join(directory, 'broker.p12');
  const pem = join(directory, 'ca.pem');
  const run = (command: string, ...args: string[]) => {
    const done = spawnSync(command, args, { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${command}: ${done.stderr}${done.stdout}`);
  };
  rmSync(store, { force: true });
  const common = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit'];
  run(
    'keytool',
    '-genkeypair',
    '-alias',
    'broker',
    '-keyalg',
    'RSA',
    '-validity',
    '2',
    '-dname',
    'CN=127.0.0.1',
    '-ext',
    'SAN=IP:127.0.0.1',
    ...common,
  );
  run('keytool', '-exportcert', '-rfc', '-alias', 'broker', '-file', pem, ...common);
  return { store, pem };
}

suite('TLS and login', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-tls-'));
  const bootstrap = new Map<string, string>();
  let pem = '';
  before(async () => {
    const made = certificate(directory);
    pem = made.pem;
    const [inside, controller, tls, plain, scram] = await Promise.all(
      Array.from({ length: 5 }, () => freePort()),
    );
    const login = 'org.apache.kafka.common.security';
    cluster = await startKafka({
      brokers: 1,
      ports: [{ client: inside, controller }],
      properties: {
        listeners:
          `PLAINTEXT://127.0.0.1:${inside},CONTROLLER://127.0.0.1:${controller},` +
          `TLS://127.0.0.1:${tls},PLAIN://127.0.0.1:${plain},SCRAM://127.0.0.1:${scram}`,
        'advertised.listeners':
          `PLAINTEXT://127.0.0.1:${inside},TLS://127.0.0.1:${tls},` +
          `PLAIN://127.0.0.1:${plain},SCRAM://127.0.0.1:${scram}`,
        'listener.security.protocol.map':
          'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,PLAIN:SASL_PLAINTEXT,SCRAM:SASL_SSL',
        'ssl.keystore.location': made.store,
        'ssl.keystore.type': 'PKCS12',
        'ssl.keystore.password': 'changeit',
        'ssl.key.password': 'changeit',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'listener.name.plain.sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.plain.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required user_anna="secret-of-anna";`,
        'listener.name.plain.connections.max.reauth.ms': String(LOGIN_MS),
        'listener.name.scram.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
        'listener.name.scram.scram-sha-256.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
        'listener.name.scram.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
      },
    });
    await addScramUser(cluster.bootstrap, 'anna', 'secret-of-anna');
    for (const [name, port] of Object.entries({ tls, plain, scram }))
      bootstrap.set(name, `127.0.0.1:${port}`);
  });
  after(async () => {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const withPassword = (mechanism: string) => [
    ...['--sasl-mechanism', mechanism, '--sasl-username', 'anna'],
  ];
  const cases: [string, string, () => string[]][] = [
    ['TLS', 'tls', () => ['--tls', '--tls-ca', pem]],
    ['PLAIN', 'plain', () => withPassword('PLAIN')],
    [
      'SCRAM-SHA-256 over TLS',
      'scram',
      () => ['--tls', '--tls-ca', pem, ...withPassword('SCRAM-SHA-256')],
    ],
    [
      'SCRAM-SHA-512 over TLS',
      'scram',
      () => ['--tls', '--tls-ca', pem, ...withPassword('SCRAM-SHA-512')],
    ],
  ];
  for (const [name, listener, flags] of cases)
    test(`${name}: the whole path counts`, async (t) => {
      const world = await setUp(t, cluster);
      const env = { CLICKRATE_SASL_PASSWORD: 'secret-of-anna' };
      const engine = await world.engine({
        bootstrap: bootstrap.get(listener)!,
        flags: flags(),
        env,
      });
      const feed = world.feed({ rate: 300 });
      await allRunning([engine], 3);
      await pause(1_500);
      await feed.stop();
      await world.mustBeExact();
      assert.doesNotMatch(engine.output(), /secret-of-anna/);
    });

  test('logins that end are renewed in time: nothing is cut off', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine({
      bootstrap: bootstrap.get('plain')!,
      flags: withPassword('PLAIN'),
      env: { CLICKRATE_SASL_PASSWORD: 'secret-of-anna' },
    });
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 300 });
    const untilMs = Date.now() + 2 * LOGIN_MS;
    await eventually(async () => {
      const statuses = [...(await world.store.statuses()).values()];
      return statuses.length === 3 && statuses.every(({ watermark }) => watermark! > untilMs);
    });
    await feed.stop();
    await world.mustBeExact();
    assert.doesNotMatch(engine.output(), /cannot be read/);
  });

  test('a wrong password, and a certificate nobody vouches for: not ready, with the reason', async (t) => {
    const world = await setUp(t, cluster);
    const env = { CLICKRATE_SASL_PASSWORD: 'guessed' };
    const stranger = await world.engine({
      bootstrap: bootstrap.get('plain')!,
      env,
      flags: withPassword('PLAIN'),
    });
    const untrusting = await world.engine({ bootstrap: bootstrap.get('tls')!, flags: ['--tls'] });
    for (const [engine, reason] of [
      [stranger, /authentication failed/i],
      [untrusting, /certificate|self.signed/i],
    ] as const)
      await eventually(async () => {
        const said = await readiness(engine);
        const reasons = said?.reasons.join('; ') ?? '';
        if (said?.ready === false && reason.test(reasons)) return true;
        throw new Error(`it says ${reasons}`);
      });
    assert.doesNotMatch(stranger.output(), /guessed/);
  });

  test('certificates are exchanged and brokers restarted: what runs goes on', async (t) => {
    const { engine: start, feed, mustBeExact, impressions } = await setUp(t, cluster);
    const brokers = bootstrap.get('tls')!;
    const engine = await start({ bootstrap: brokers, flags: ['--tls', '--tls-ca', pem] });
    const group = { group: 'exchanged', groupInstance: '' };
    const options = { ...OPTIONS, brokers, tls: true, tlsCa: pem, ...group };
    const sender = new Sender(options);
    t.after(() => sender.close());
    const asking = new KafkaCluster(options);
    t.after(() => asking.close());
    await allRunning([engine], 3);
    await sender.send([{ topic: impressions, key: null, value: Buffer.from('first') }]);
    await asking.bounds(impressions, 0);
    const [broker] = cluster.brokers;
    await broker.kill();
    certificate(directory);
    await broker.start();
    await eventually(() => asking.bounds(impressions, 0), 20_000);
    await sender.send([{ topic: impressions, key: null, value: Buffer.from('second') }]);
    await allRunning([engine], 3);
    const feeding = feed({ rate: 300 });
    await pause(1_500);
    await feeding.stop();
    await mustBeExact();
  });
});

/** Users of SCRAM are kept in the cluster. */
async function addScramUser(bootstrap: string, name: string, password: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [bootstrap] });
  const { controllerId } = await admin.metadata({ topics: [] });
  const connection = (await admin.connectToBrokers([controllerId])).get(controllerId)!;
  const upsertions = [
    { mechanism: 1, digest: 'sha256', length: 32 },
    { mechanism: 2, digest: 'sha512', length: 64 },
  ].map(({ mechanism, digest, length }) => {
    const salt = randomBytes(16);
    const saltedPassword = pbkdf2Sync(password, salt, 8_192, length, digest);
    return { name, mechanism, iterations: 8_192, salt, saltedPassword };
  });
  // A request may name a user once.
  for (const one of upsertions) await alterUserScramCredentialsV0.api.async(connection, [], [one]);
  await admin.close();
}
