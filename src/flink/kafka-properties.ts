/** The options of our Kafka clients as properties of Java's. */
import { readFileSync } from 'node:fs';
import type { Options } from '../config.ts';
import { unreadable } from '../errors.ts';

type Login = Pick<Options, 'saslMechanism' | 'saslUsername' | 'saslPassword'>;
type Certificates = Pick<Options, 'tlsCa' | 'tlsCert' | 'tlsKey'>;
type Reach = Pick<Options, 'brokers' | 'clientId' | 'tls'> & Login & Certificates;

/** Throws `file_unreadable`. */
export function kafkaProperties(options: Reach): Record<string, string> {
  const { brokers, clientId, tls, saslMechanism } = options;
  const security = `${saslMechanism === '' ? '' : 'SASL_'}${tls ? 'SSL' : 'PLAINTEXT'}`;
  return {
    'bootstrap.servers': brokers,
    'client.id': clientId,
    ...(security === 'PLAINTEXT' ? {} : { 'security.protocol': security }),
    ...(saslMechanism === '' ? {} : login(options)),
    ...(tls ? certificates(options) : {}),
  };
}

function login({ saslMechanism, saslUsername, saslPassword }: Login): Record<string, string> {
  // Our own clients take it in any case, Java's do not.
  const mechanism = saslMechanism.toUpperCase();
  const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule';
  // The connector's jar has Kafka's classes under another name.
  const name = `org.apache.flink.kafka.shaded.org.apache.kafka.common.security.${module}`;
  const text = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const values = `username=${text(saslUsername)} password=${text(saslPassword)}`;
  return { 'sasl.mechanism': mechanism, 'sasl.jaas.config': `${name} required ${values};` };
}

function certificates({ tlsCa, tlsCert, tlsKey }: Certificates): Record<string, string> {
  const trusted: Record<string, string> =
    tlsCa === ''
      ? {}
      : { 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': read(tlsCa) };
  if (tlsCert === '') return trusted;
  return {
    ...trusted,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': read(tlsCert),
    'ssl.keystore.key': read(tlsKey),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}
