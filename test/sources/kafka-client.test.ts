/** What every client of Kafka is told of the options: a broker's address that is none is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OPTIONS } from '../../src/config.ts';
import { clientOptions } from '../../src/sources/kafka/client.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';

const told = (brokers: string) => clientOptions({ ...OPTIONS, brokers }).bootstrapBrokers;

test('brokers are hosts with ports, by name or by address', () => {
  assert.deepEqual(told('a:1, b.c-d_e:65535'), ['a:1', 'b.c-d_e:65535']);
  assert.deepEqual(told('[::1]:9092'), ['[::1]:9092']);
});

test('what would be taken for the name of a host, or for another port, is refused', () => {
  for (const broker of [
    ...['', 'a', 'a:', ':1', 'a:0', 'a:65536', 'a:99999', 'a:1/x', 'a b:1', 'u@a:1'],
    ...['kafka://a:1', 'PLAINTEXT://a:1', '::1:9092', 'fe80::1', 'a:1:2'],
  ])
    assert.throws(() => told(`b:1,${broker}`), {
      code: 'config_invalid',
      message: `brokers must be host:port, several by comma, not "${broker}"`,
    });
});

test('a certificate that is being exchanged ends nothing that runs, and the new one is taken', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-client-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const tlsCa = join(directory, 'ca.pem');
  const options = { ...OPTIONS, brokers: 'localhost:1', tls: true, tlsCa, groupInstance: '' };
  assert.throws(() => new KafkaCluster(options), { code: 'file_unreadable' });
  writeFileSync(tlsCa, 'old');
  const cluster = new KafkaCluster(options);
  t.after(() => cluster.close());
  const known = () => String(cluster.clientOptions().tls?.ca);
  rmSync(tlsCa);
  cluster.renew();
  assert.equal(known(), 'old');
  writeFileSync(tlsCa, 'new');
  assert.equal(known(), 'new');
});
