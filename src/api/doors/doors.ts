/** Who may come in, from where, and how often: built from the options, asked for each request. */
import { readFileSync } from 'node:fs';
import type { FastifyRequest, RouteOptions } from 'fastify';
import type { Options } from '../../config.ts';
import { ClickrateError, messageOf } from '../../errors.ts';
import { ProblemError } from '../problem-error.ts';
import { Keys, keyOf } from './keys.ts';
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
  readonly #origins: ReadonlySet<string>;
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
    this.#origins = originsOf(options.corsOrigins);
    if (options.rateLimit < 0)
      throw new ClickrateError('config_invalid', 'rateLimit must be at least 0 (0: none)');
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
    if (OPEN_PATHS.includes(url)) return 'none';
    return [method].flat().every((name) => SAFE_METHODS.includes(name)) ? 'read' : 'write';
  }

  /** Throws `unauthorized`, `forbidden`, `too_many_requests`. */
  check(request: FastifyRequest, access: Access, nowMs: number): void {
    const key = keyOf(request.headers.authorization);
    this.#checkRate(request, key, nowMs);
    // A browser asks beforehand what it may send, without a key.
    if (access === 'none' || request.method === 'OPTIONS') return;
    const [keys, others] =
      access === 'read' ? [this.#read, this.#write] : [this.#write, this.#read];
    if (keys.isEmpty) return;
    if (key !== null && keys.has(key)) return;
    if (key !== null && others.has(key))
      throw new ClickrateError('forbidden', `this key may not ${access} here`);
    const asks = ['www-authenticate', 'Basic realm="clickrate", charset="UTF-8"'];
    throw new ProblemError('unauthorized', `a key that may ${access} is needed`, {}, asks);
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
    if (this.#origins.size === 0) return [];
    const { origin } = request.headers;
    if (origin === undefined || !(this.#origins.has(origin) || this.#origins.has('*')))
      return ['vary', 'origin'];
    const allowed = ['vary', 'origin', 'access-control-allow-origin', origin];
    if (request.method !== 'OPTIONS') return allowed;
    return [
      ...allowed,
      ...['access-control-allow-methods', 'GET, HEAD, POST'],
      ...['access-control-allow-headers', 'authorization, content-type, last-event-id'],
      ...['access-control-max-age', '600'],
    ];
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function originsOf(list: string): Set<string> {
  const origins = list.split(',').map((text) => text.trim());
  for (const origin of origins.filter(Boolean))
    if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin))
      throw new ClickrateError(
        'config_invalid',
        `corsOrigins takes origins like https://shop.example, not "${origin}"`,
      );
  return new Set(origins.filter(Boolean));
}

function tlsOf({ httpsCert, httpsKey }: DoorOptions): { cert: string; key: string } | null {
  if (httpsCert === '' && httpsKey === '') return null;
  if (httpsCert === '' || httpsKey === '')
    throw new ClickrateError('config_invalid', 'httpsCert and httpsKey belong together');
  try {
    return { cert: readFileSync(httpsCert, 'utf8'), key: readFileSync(httpsKey, 'utf8') };
  } catch (error) {
    throw new ClickrateError('file_unreadable', messageOf(error));
  }
}
