/** Who may come in, from where, and how often: built from the options, asked for each request. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { FastifyRequest, RouteOptions } from 'fastify';
import type { Options } from '../../config.ts';
import { ClickrateError, messageOf, unreadable } from '../../errors.ts';
import { ProblemError } from '../problem-error.ts';
import { Hosts, isLoopback } from './hosts.ts';
import { Keys, keyOf } from './keys.ts';
import { Origins } from './origins.ts';
import { RateLimit } from './rate.ts';

export type DoorOptions = Pick<
  Options,
  | 'host'
  | 'writeKeys'
  | 'readKeys'
  | 'insecure'
  | 'httpsCert'
  | 'httpsKey'
  | 'corsOrigins'
  | 'hostNames'
  | 'rateLimit'
>;

/** What a route asks of a key. */
export type Access = 'none' | 'read' | 'write';

/** Probes carry no key. */
const OPEN_PATHS = ['/livez', '/readyz'];
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

export class Doors {
  readonly #read: Keys;
  readonly #write: Keys;
  readonly #origins: Origins;
  /** Null: any name. */
  readonly #hosts: Hosts | null;
  readonly #rate: RateLimit | null;
  /** Certificate and key (PEM) to serve with; null: plain HTTP. */
  readonly tls: { cert: string; key: string } | null;

  /**
   * Throws `config_invalid`: a list that is none, or an address that others reach without keys.
   * `takesEvents`: whether anything can be written here.
   */
  constructor(options: DoorOptions, takesEvents: boolean) {
    this.#read = new Keys(options.readKeys, 'readKeys');
    this.#write = new Keys(options.writeKeys, 'writeKeys');
    this.#origins = new Origins(options.corsOrigins);
    // Where a key is needed a page has none, whatever its name.
    const isOpen = this.#read.isEmpty || (takesEvents && this.#write.isEmpty);
    this.#hosts =
      isOpen && !options.insecure && isLoopback(options.host) ? new Hosts(options.hostNames) : null;
    this.#rate = options.rateLimit === 0 ? null : new RateLimit(options.rateLimit);
    this.tls = tlsOf(options);
    const lacking = [
      ...(this.#read.isEmpty ? ['--read-keys'] : []),
      ...(takesEvents && this.#write.isEmpty ? ['--write-keys'] : []),
    ];
    if (options.insecure || isLoopback(options.host) || lacking.length === 0) return;
    throw new ClickrateError(
      'config_invalid',
      `others could reach ${options.host}: give ${lacking.join(' and ')} (see clickrate key), ` +
        'or say --insecure',
    );
  }

  static accessOf({ url, method }: Pick<RouteOptions, 'url' | 'method'>): Access {
    // Where there is nothing, nothing can be written.
    if (url === '*') return 'read';
    if (OPEN_PATHS.includes(url)) return 'none';
    return [method].flat().every((name) => SAFE_METHODS.includes(name)) ? 'read' : 'write';
  }

  /** Throws `unauthorized`, `forbidden`, `too_many_requests`. */
  check(request: FastifyRequest, access: Access, nowMs: number): void {
    const key = keyOf(request.headers.authorization);
    this.#checkRate(request, key, nowMs);
    this.#checkHost(request);
    // A browser asks beforehand what it may send, without a key.
    if (access === 'none' || request.method === 'OPTIONS') return;
    if (access === 'write' && !this.#origins.mayWrite(request))
      throw new ClickrateError(
        'forbidden',
        `pages of ${request.headers.origin} may not write here; name it in --cors-origins`,
      );
    const [keys, others] =
      access === 'read' ? [this.#read, this.#write] : [this.#write, this.#read];
    if (keys.isEmpty) return;
    if (key !== null && keys.has(key)) return;
    if (key !== null && others.has(key))
      throw new ClickrateError('forbidden', `this key may not ${access} here`);
    const asks = ['www-authenticate', 'Basic realm="clickrate", charset="UTF-8"'];
    throw new ProblemError('unauthorized', `a key that may ${access} is needed`, {}, asks);
  }

  /** The name by which a browser's page asks. */
  #checkHost(request: FastifyRequest): void {
    const { host } = request.headers;
    if (this.#hosts === null || this.#hosts.has(host)) return;
    throw new ClickrateError(
      'forbidden',
      `this server is not known as ${host}; name it in --host-names, or ask for a key`,
    );
  }

  /** By key where it is one of ours, else by address: guessed keys are one client. */
  #checkRate(request: FastifyRequest, key: string | null, nowMs: number): void {
    if (this.#rate === null) return;
    const isOurs = key !== null && (this.#read.has(key) || this.#write.has(key));
    const client = isOurs ? `key ${key}` : (request.socket.remoteAddress ?? '');
    if (this.#rate.take(client, nowMs)) return;
    throw new ClickrateError('too_many_requests', 'more requests a second than are allowed here');
  }

  /** Headers, names and values in turn, that let the asking page's script read the answer. */
  corsHeaders(request: FastifyRequest): string[] {
    return this.#origins.headers(request);
  }
}

function tlsOf({ httpsCert, httpsKey }: DoorOptions): { cert: string; key: string } | null {
  if (httpsCert === '' && httpsKey === '') return null;
  if (httpsCert === '' || httpsKey === '')
    throw new ClickrateError('config_invalid', 'httpsCert and httpsKey belong together');
  const tls = { cert: contentOf(httpsCert), key: contentOf(httpsKey) };
  try {
    createSecureContext(tls);
  } catch (error) {
    const what = 'httpsCert and httpsKey must be a certificate and its private key (PEM)';
    throw new ClickrateError('config_invalid', `${what}: ${messageOf(error)}`);
  }
  return tls;
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}
