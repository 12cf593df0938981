/** What every client of Kafka is told of the options: a broker's address that is none is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPTIONS } from '../../src/config.ts';
import { clientOptions } from '../../src/sources/kafka/client.ts';

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
