/** compose.yaml: a real implementation takes it, and its services are what they should be. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { KAFKA_VERSION } from '../../scripts/stack/artifacts.ts';
import { FLINK_VERSION } from '../../scripts/stack/flink-artifacts.ts';
import { linted, readCompose, type Service, withoutCompose } from '../support/compose.ts';
import { ROOT } from '../support/processes.ts';

const { services, volumes } = readCompose();
const each = Object.entries(services);
/** Run for one command, not served. */
const ONCE = ['topics', 'tools', 'producers'];
const OURS = ['topics', 'serving-api', 'sink', 'engine', 'producers', 'tools'];
/** Images of others that name a user other than root themselves. */
const NAME_THEIR_USER = ['kafka-ui', 'redisinsight'];
const FLINK = ['jobmanager', 'taskmanager', 'sql-gateway'];
const JAVA = ['kafka-1', 'kafka-2', 'kafka-3', ...FLINK, 'kafka-ui'];

suite('compose.yaml', () => {
  test('is taken by a real implementation', { skip: withoutCompose() }, () => {
    // Compose 2 tells of the services of the profiles named, 1.29 of all.
    const all = each.flatMap(([, { profiles = [] }]) => profiles);
    const told = linted(...all.flatMap((profile) => ['--profile', profile]));
    assert.deepEqual(Object.keys(told.services).sort(), Object.keys(services).sort());
    const [api] = [linted('--profile', 'lite').services['serving-api']];
    assert.equal(api.environment?.CLICKRATE_REDIS, 'redis://redis:6379');
  });

  test('has the ports of the original, on the loopback address only', () => {
    const ports = Object.fromEntries(each.map(([name, { ports = [] }]) => [name, ports]));
    for (const [name, list] of Object.entries(ports))
      for (const port of list) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/, name);
    const outer = (name: string) => Number(ports[name][0]?.split(':')[1]);
    assert.deepEqual(
      ['serving-api', 'kafka-ui', 'jobmanager', 'sql-gateway', 'redisinsight', 'redis'].map(outer),
      [8000, 8080, 8081, 8083, 5540, 6379],
    );
    assert.deepEqual(['kafka-1', 'kafka-2', 'kafka-3'].map(outer), [9092, 9093, 9094]);
    assert.equal(services.redis.container_name, 'redis');
  });

  test('pins every image, with the versions of the stack', () => {
    for (const [name, { image }] of each) {
      assert.match(image, /:v?\d+\.\d+\.\d+/, name);
      assert.doesNotMatch(image, /latest/);
    }
    assert.equal(services['kafka-1'].image, `apache/kafka:${KAFKA_VERSION}`);
    assert.equal(services.jobmanager.image, `clickrate-flink:${FLINK_VERSION}`);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const name of OURS) assert.equal(services[name].image, `clickrate:${version}`, name);
    for (const { build } of Object.values(services))
      if (build) assert.ok(existsSync(join(ROOT, build.dockerfile)), build.dockerfile);
  });

  test('gives no service more than it needs', () => {
    for (const [name, service] of each) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
      for (const limit of ['mem_limit', 'cpus', 'pids_limit'] as const)
        assert.ok(service[limit], `${name} has no ${limit}`);
      // Where nothing else is writable.
      assert.ok(service.tmpfs ?? service.volumes, `${name} has nowhere to write`);
      // Ours say it in their Dockerfile.
      if (service.build === undefined && !NAME_THEIR_USER.includes(name))
        assert.match(service.user ?? 'root', /^(?!root|0)\w+/, `${name} may run as root`);
    }
    for (const file of ['deploy/Dockerfile', 'deploy/flink/Dockerfile']) {
      const users = readFileSync(join(ROOT, file), 'utf8').match(/^USER .*/gm) ?? [];
      assert.doesNotMatch(users.at(-1) ?? 'USER root', /root|\b0\b/, file);
    }
  });

  test('lets Java run the native code that it unpacks into /tmp, and nothing else', () => {
    for (const [name, { tmpfs = [] }] of each.filter(([, service]) => service.tmpfs)) {
      assert.equal(tmpfs[0], JAVA.includes(name) ? '/tmp:exec' : '/tmp', name);
      assert.doesNotMatch(tmpfs.slice(1).join(), /exec/, name);
    }
  });

  test('leaves no volume without a name behind', () => {
    for (const [name, { build, tmpfs = [], volumes: list = [] }] of each) {
      if (build === undefined) continue;
      const [, place] = readFileSync(join(ROOT, build.dockerfile), 'utf8').match(
        /^VOLUME (.+)$/m,
      ) as string[];
      const places = [...tmpfs, ...list.map((volume) => volume.split(':')[1])];
      assert.ok(places.includes(place), `${name} mounts nothing at ${place}`);
    }
  });

  test('says how each service is known to be well, and waits for it', () => {
    const isServed = ([name]: [string, Service]) => !ONCE.includes(name);
    for (const [name, { healthcheck }] of each.filter(isServed))
      assert.ok(healthcheck, `${name} has no health check`);
    for (const [name, { depends_on: needs = {} }] of each)
      for (const [needed, { condition }] of Object.entries(needs)) {
        const isOnce = ONCE.includes(needed);
        const wanted = isOnce ? 'service_completed_successfully' : 'service_healthy';
        assert.equal(condition, wanted, `${name} needs ${needed}`);
      }
  });

  test('keeps data in named volumes', () => {
    const named = each.flatMap(([, { volumes: list = [] }]) =>
      list.map((volume) => volume.split(':')[0]).filter((source) => !source.startsWith('.')),
    );
    assert.deepEqual([...new Set(named)].sort(), Object.keys(volumes).sort());
  });

  test('starts Flink unless lite is said, and never two that count', () => {
    assert.match(readFileSync(join(ROOT, '.env'), 'utf8'), /^COMPOSE_PROFILES=flink$/m);
    const of = (profile: string) =>
      each.filter(([, { profiles }]) => profiles?.includes(profile)).map(([name]) => name);
    assert.deepEqual(of('flink').sort(), [...FLINK, 'sink'].sort());
    assert.deepEqual(of('lite'), ['engine']);
    assert.deepEqual([...of('producers'), ...of('tools')], ['producers', 'tools']);
  });
});
