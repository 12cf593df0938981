/** Which pages in somebody's browser may read answers here, and send something. */
import type { FastifyRequest } from 'fastify';
import { ClickrateError } from '../../errors.ts';
import { AGE_HEADER } from '../age-header.ts';

/** What a page may send, and what it may read, beside what any page of another origin may. */
const SENT = 'authorization, content-encoding, content-type, if-none-match, last-event-id';
const READ = `etag, retry-after, ${AGE_HEADER}`;
/** What a browser is told that asks before it sends. */
const PREFLIGHT = Object.entries({
  'access-control-allow-methods': 'GET, HEAD, POST',
  'access-control-allow-headers': SENT,
  'access-control-max-age': '600',
}).flat();

export class Origins {
  readonly #listed: ReadonlySet<string>;

  /** Origins by comma; `*`: any. Throws `config_invalid`. */
  constructor(list: string) {
    const origins = list.split(',').map((text) => text.trim());
    for (const origin of origins.filter(Boolean))
      if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin))
        throw new ClickrateError(
          'config_invalid',
          `corsOrigins takes origins like https://shop.example, not "${origin}"`,
        );
    this.#listed = new Set(origins.filter(Boolean));
  }

  #has(origin: string): boolean {
    return this.#listed.has(origin) || this.#listed.has('*');
  }

  /** Headers, names and values in turn, that let the asking page's script read the answer. */
  headers(request: FastifyRequest): string[] {
    if (this.#listed.size === 0) return [];
    const { origin } = request.headers;
    if (origin === undefined || !this.#has(origin)) return ['vary', 'origin'];
    const allowed = ['vary', 'origin', 'access-control-allow-origin', origin];
    if (request.method !== 'OPTIONS') return [...allowed, 'access-control-expose-headers', READ];
    return [...allowed, ...PREFLIGHT];
  }

  /**
   * Whether who sends this may: programs say no origin. A browser lets any page send plain text
   * without asking beforehand, with the log-in it remembers; it only keeps the answer from it.
   */
  mayWrite({ headers }: FastifyRequest): boolean {
    const { origin, host } = headers;
    if (origin === undefined || this.#has(origin)) return true;
    if (headers['sec-fetch-site'] === 'same-origin') return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}
