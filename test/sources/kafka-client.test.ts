/** What every client of Kafka is told of the options: a broker's address that is none is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createServer, type SecureContextOptions } from 'node:tls';
import { OPTIONS } from '../../src/config.ts';
import { clientOptions } from '../../src/sources/kafka/client.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { certificate } from '../api/certificate.ts';

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

/** A broker of that certificate, which says nothing; counted are those who trust it. */
async function serverWith(t: TestContext, tls: SecureContextOptions) {
  const server = createServer(tls, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { server, brokers: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a certificate that is being exchanged ends nothing that runs, and the new one is taken', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-client-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const made = () => {
    const { cert, key } = certificate(directory);
    return { cert: readFileSync(cert), key: readFileSync(key) };
  };
  const first = made();
  const { server, brokers } = await serverWith(t, first);
  const tlsCa = join(directory, 'ca.pem');
  const options = { ...OPTIONS, brokers, tls: true, tlsCa, groupInstance: '' };
  assert.throws(() => new KafkaCluster(options), { code: 'file_unreadable' });
  writeFileSync(tlsCa, first.cert);
  const cluster = new KafkaCluster(options);
  t.after(() => cluster.close());
  const [trusted, refused] = [/closed/i, /self.signed/];
  await assert.rejects(cluster.topic('t'), trusted);
  rmSync(tlsCa);
  await assert.rejects(cluster.topic('t'), trusted);
  const second = made();
  server.setSecureContext(second);
  await assert.rejects(cluster.topic('t'), refused);
  writeFileSync(tlsCa, second.cert);
  await assert.rejects(cluster.topic('t'), trusted);
});

test('a certificate and the key of another one are refused, or not yet taken', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-client-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { cert: tlsCert, key: tlsKey } = certificate(directory);
  const options = { ...OPTIONS, brokers: 'a:1', tls: true, tlsCert, tlsKey };
  const { tls } = clientOptions(options);
  const key = readFileSync(tlsKey);
  certificate(directory);
  const context = tls?.secureContext;
  assert.notEqual(tls?.secureContext, context);
  const last = tls?.secureContext;
  writeFileSync(tlsKey, key);
  assert.equal(tls?.secureContext, last);
  assert.throws(() => clientOptions(options), {
    code: 'config_invalid',
    message: /^tlsCert and tlsKey must be a certificate and its private key \(PEM\): .*mismatch/,
  });
});
