/** How every client of ours reaches Kafka: addresses, names, TLS and login, from the options. */
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { BaseOptions } from '@platformatic/kafka';
import type { Options } from '../../config.ts';
import { ClickrateError, messageOf, unreadable } from '../../errors.ts';

/** The options that a Kafka client needs. */
export type KafkaOptions = Pick<
  Options,
  | 'brokers'
  | 'clientId'
  | 'tls'
  | 'tlsCa'
  | 'tlsCert'
  | 'tlsKey'
  | 'saslMechanism'
  | 'saslUsername'
  | 'saslPassword'
>;

/** Login mechanisms that are offered; the library has others. */
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
type Mechanism = (typeof MECHANISMS)[number];

/** How long a connection may take, and a request may stay unanswered. */
const CONNECT_MS = 5_000;
const REQUEST_MS = 15_000;

/** Options of the library's clients. Throws `config_invalid` and `file_unreadable`. */
export function clientOptions(options: KafkaOptions): BaseOptions {
  return {
    clientId: options.clientId,
    bootstrapBrokers: brokersOf(options.brokers),
    connectTimeout: CONNECT_MS,
    timeout: REQUEST_MS,
    autocreateTopics: false,
    ...(options.tls ? { tls: tlsOf(options) } : {}),
    ...(options.saslMechanism === '' ? {} : { sasl: saslOf(options) }),
  };
}

/** A name or an address, that of IPv6 in brackets, and a port. */
const BROKER = /^(?:\[[\da-f:.]+\]|[^\s:/@[\]]+):(\d{1,5})$/i;

/** `host:port,host:port` as a list. */
function brokersOf(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  for (const broker of brokers) {
    const port = Number(BROKER.exec(broker)?.[1] ?? 0);
    if (port < 1 || port > 65_535)
      throw new ClickrateError(
        'config_invalid',
        `brokers must be host:port, several by comma, not "${broker}"`,
      );
  }
  return brokers;
}

/**
 * For each connection, the library's too, certificates as they are then; as they were last, where
 * they cannot be used: they may be being exchanged, and nobody waits for that here.
 */
function tlsOf(options: KafkaOptions): { readonly secureContext: SecureContext } {
  let last = contextOf(options);
  return {
    get secureContext() {
      try {
        last = contextOf(options);
      } catch {
        // The next connection looks again.
      }
      return last;
    },
  };
}

function contextOf({ tlsCa, tlsCert, tlsKey }: KafkaOptions): SecureContext {
  const files = {
    ...(tlsCa === '' ? {} : { ca: contentOf(tlsCa) }),
    ...(tlsCert === '' ? {} : { cert: contentOf(tlsCert) }),
    ...(tlsKey === '' ? {} : { key: contentOf(tlsKey) }),
  };
  try {
    return createSecureContext(files);
  } catch (error) {
    const what = 'tlsCert and tlsKey must be a certificate and its private key (PEM)';
    throw new ClickrateError('config_invalid', `${what}: ${messageOf(error)}`);
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function saslOf({ saslMechanism, saslUsername, saslPassword }: KafkaOptions) {
  const mechanism = saslMechanism.toUpperCase() as Mechanism;
  if (!MECHANISMS.includes(mechanism))
    throw new ClickrateError(
      'config_invalid',
      `saslMechanism must be one of ${MECHANISMS.join(', ')}, not ${saslMechanism}`,
    );
  return { mechanism, username: saslUsername, password: saslPassword };
}
