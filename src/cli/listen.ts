/** Binds the API's port, or says in one sentence why not. */
import type { FastifyInstance } from 'fastify';
import type { Options } from '../config.ts';
import { ClickrateError, messageOf } from '../errors.ts';

/** The server's URL. Throws `port_in_use`, `config_invalid`. */
export async function listen(server: FastifyInstance, options: Pick<Options, 'host' | 'port'>) {
  try {
    // For this name the framework would open a second server, on the other loopback address, which
    // has none of the limits and is not waited for.
    const host = options.host === 'localhost' ? '127.0.0.1' : options.host;
    return await server.listen({ host, port: options.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      throw new ClickrateError(
        'port_in_use',
        `port ${options.port} of ${options.host} is in use; choose another with --port`,
      );
    throw new ClickrateError('config_invalid', `cannot listen: ${messageOf(error)}`);
  }
}
