/** Keys of those who may read or write: known by their hash only, compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ClickrateError } from '../../errors.ts';

const SCHEME = 'sha256:';
const KEY_BYTES = 32;

/**
 * A new key and the hash to configure. A key is 256 random bits, so a plain hash is as good at rest
 * as a slow one: there is nothing to guess.
 */
export function newKey(): { key: string; hash: string } {
  const key = randomBytes(KEY_BYTES).toString('base64url');
  return { key, hash: `${SCHEME}${hashOf(key).toString('hex')}` };
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

export class Keys {
  readonly #hashes: readonly Buffer[];

  /**
   * `sha256:<64 hex digits>`, several by comma; an empty list lets everybody in. Throws
   * `config_invalid` naming the list, also where one is begun and holds no key.
   */
  constructor(list: string, name: string) {
    const texts = list.split(',').map((text) => text.trim());
    const given = texts.filter(Boolean);
    if (given.length === 0 && list !== '')
      throw new ClickrateError('config_invalid', `${name} holds no key; leave it empty for none`);
    this.#hashes = given.map((text) => {
      if (!/^sha256:[0-9a-f]{64}$/.test(text))
        throw new ClickrateError(
          'config_invalid',
          `${name} takes hashes as clickrate key prints them, sha256:…`,
        );
      return Buffer.from(text.slice(SCHEME.length), 'hex');
    });
  }

  get isEmpty(): boolean {
    return this.#hashes.length === 0;
  }

  has(key: string): boolean {
    const hash = hashOf(key);
    let found = false;
    // All of them, so that the time does not tell which.
    for (const known of this.#hashes) if (timingSafeEqual(known, hash)) found = true;
    return found;
  }
}

/**
 * The key of an `Authorization` header: a bearer token, or the password of Basic, which a browser
 * asks its user for (any user name). Null: there is none.
 */
export function keyOf(authorization: string | undefined): string | null {
  const [, scheme, value] = authorization?.match(/^(\w+) +(\S+)$/) ?? [];
  if (scheme === undefined) return null;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return null;
  const text = Buffer.from(value, 'base64').toString();
  return text.includes(':') ? text.slice(text.indexOf(':') + 1) : null;
}
