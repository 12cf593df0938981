/** Logs a connection of ours in, with the library's mechanisms. */
import type { Connection, SASLOptions } from '@platformatic/kafka';
import { saslAuthenticateV2, saslHandshakeV1, saslPlain, saslScramSha } from '@platformatic/kafka';

/** Rejects with what the broker or the mechanism says. */
export async function login(connection: Connection, sasl: SASLOptions): Promise<void> {
  const { mechanism, username = '', password = '' } = sasl;
  await saslHandshakeV1.api.async(connection, mechanism);
  const { api } = saslAuthenticateV2;
  if (mechanism === 'PLAIN') {
    await saslPlain.authenticate(api, connection, username, password);
    return;
  }
  const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512';
  await saslScramSha.authenticate(api, connection, algorithm, username, password);
}
