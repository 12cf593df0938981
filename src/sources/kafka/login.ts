/** Logs a connection of ours in, with the library's mechanisms. */
import type { Connection, SASLOptions } from '@platformatic/kafka';
import { saslAuthenticateV2, saslHandshakeV1, saslPlain, saslScramSha } from '@platformatic/kafka';

/**
 * Resolves with how long it holds, in milliseconds; 0: for good. Rejects with what the broker or
 * the mechanism says.
 */
export async function login(connection: Connection, sasl: SASLOptions): Promise<number> {
  const { mechanism, username = '', password = '' } = sasl;
  await saslHandshakeV1.api.async(connection, mechanism);
  const { api } = saslAuthenticateV2;
  const { sessionLifetimeMs } =
    mechanism === 'PLAIN'
      ? await saslPlain.authenticate(api, connection, username, password)
      : await saslScramSha.authenticate(api, connection, hashOf(mechanism), username, password);
  return Number(sessionLifetimeMs);
}

function hashOf(mechanism: SASLOptions['mechanism']): 'SHA-256' | 'SHA-512' {
  return mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512';
}
