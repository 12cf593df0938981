/**
 * Names by which a server without keys may be asked. A page of anybody can have a name of its own
 * point at the loopback address, and would then be of the same origin as this server.
 */
import { isIP } from 'node:net';

export class Hosts {
  readonly #names: ReadonlySet<string>;

  /** Names by comma, beside `localhost` and every address. */
  constructor(list: string) {
    const names = list.split(',').map((text) => text.trim().toLowerCase());
    this.#names = new Set(names.filter(Boolean));
  }

  /** `host` as the header has it; browsers always send one. */
  has(host: string | undefined): boolean {
    if (host === undefined) return true;
    const name = host.replace(/:\d+$/, '').toLowerCase();
    if (name === 'localhost' || name.endsWith('.localhost')) return true;
    return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || this.#names.has(name);
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
