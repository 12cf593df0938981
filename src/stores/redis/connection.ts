/**
 * One connection to Redis that is made when it is needed and made anew after it broke. A command
 * is sent once or not at all: nothing waits in a queue while Redis is away, and one without an
 * answer in time breaks the connection, so that no later call waits behind it.
 */
import { createHash } from 'node:crypto';
import { ErrorReply, RESP_TYPES, RedisClient } from '@redis/client';
import { ClickrateError } from '../../errors.ts';
import { isNoPrimary, storeError } from './errors.ts';

export type RedisAddress = { url: string; password?: string };

/** How long a connection may take to be made, with its log-in. */
const CONNECT_MS = 2_000;

/** An argument: text or bytes. */
export type Argument = string | Buffer;

/** A Lua script, known to Redis by its hash. */
export type Script = { text: string; sha: string };

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** Made once: it puts hundreds of commands on a class, which none of the connections calls. */
const PROTOCOL = { RESP: 2 } as const;
const create = RedisClient.factory(PROTOCOL);

type Client = ReturnType<typeof newClient>;

/** As it was before it was put into an address; a `%` that begins no byte is itself. */
function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What the library takes; who logs in may stand in the address, with the password or without. */
function loginOf({ url, password = '' }: RedisAddress) {
  const bare = new URL(url);
  const [user, secret] = [plain(bare.username), plain(bare.password)];
  bare.username = '';
  // An address with a user would be all that the library looks at.
  bare.password = '';
  const login = { username: user, password: password === '' ? secret : password };
  const given = Object.entries(login).filter(([, text]) => text !== '');
  return { url: bare.href, ...(Object.fromEntries(given) as Partial<typeof login>) };
}

function newClient(address: RedisAddress) {
  return create({
    ...PROTOCOL,
    ...loginOf(address),
    name: 'clickrate',
    disableClientInfo: true,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: CONNECT_MS },
  });
}

/** Host and port of an address, without user and password. Throws `config_invalid`. */
export function placeOf(url: string): string {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol))
    throw new ClickrateError(
      'config_invalid',
      'the address of Redis must be redis://host:port or rediss://host:port',
    );
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? 6_379 : port}`;
}

function closed(): ClickrateError {
  return new ClickrateError('store_unavailable', 'the store is closed');
}

/** A client from its first try to connect until it breaks; then what broke it. */
type Link = { ready: Promise<Client>; client: Client; broken?: unknown };

export class Connection {
  readonly #address: RedisAddress;
  readonly #timeoutMs: number;
  /** Host and port, for sentences. */
  readonly where: string;
  #link: Link | null = null;
  #closed = false;

  /** Connects nothing yet. Throws `config_invalid` for an address that is none. */
  constructor(address: RedisAddress, timeoutMs: number) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.where = placeOf(address.url);
  }

  /** Sends a command; strings are answered as text. Throws as `storeError` says. */
  send<T>(args: readonly Argument[], timeoutMs = this.#timeoutMs): Promise<T> {
    return this.#call(timeoutMs, (client) => client.sendCommand<T>([...args]));
  }

  /** Sends commands in one go; strings are answered as text. */
  sendAll<T>(commands: readonly (readonly Argument[])[]): Promise<T[]> {
    return this.#call(this.#timeoutMs, (client) =>
      Promise.all(commands.map((args) => client.sendCommand<T>([...args]))),
    );
  }

  /** Sends commands in one go; strings are answered as bytes. */
  sendAllForBytes<T>(commands: readonly (readonly Argument[])[]): Promise<T[]> {
    return this.#call(this.#timeoutMs, (client) =>
      Promise.all(commands.map((args) => client.sendCommand<T>([...args], BYTES))),
    );
  }

  /** Runs a script. It is sent whole only when Redis does not know it, when nothing of it ran. */
  run<T>(script: Script, args: readonly Argument[]): Promise<T> {
    return this.#call(this.#timeoutMs, async (client) => {
      try {
        return await client.sendCommand<T>(['EVALSHA', script.sha, '0', ...args]);
      } catch (error) {
        if (!(error instanceof ErrorReply) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await client.sendCommand<T>(['EVAL', script.text, '0', ...args]);
      }
    });
  }

  async #call<T>(timeoutMs: number, body: (client: Client) => Promise<T>): Promise<T> {
    if (this.#closed) throw closed();
    this.#link ??= this.#open();
    const link = this.#link;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await Promise.race([link.ready.then(body), late]);
    } catch (error) {
      // The address may be that of another server by now: one that cannot write is left.
      if (!(error instanceof ErrorReply) || isNoPrimary(error)) this.#drop(link, error);
      // Calls that end with a connection hear from the library only that it was ended.
      throw storeError(error instanceof ErrorReply ? error : link.broken, this.where);
    } finally {
      clearTimeout(timer);
    }
  }

  #open(): Link {
    const client = newClient(this.#address);
    const link: Link = { client, ready: client.connect().then(() => client) };
    // The calls under way are told by themselves; the next one connects anew.
    client.on('error', (error) => this.#drop(link, error));
    link.ready.catch((error) => this.#drop(link, error));
    return link;
  }

  #drop(link: Link, why: unknown): void {
    link.broken ??= why;
    if (this.#link === link) this.#link = null;
    if (link.client.isOpen) link.client.destroy();
  }

  /** Ends the connection at once: calls under way fail with `why`, the next one connects anew. */
  leave(why: unknown): void {
    if (this.#link !== null) this.#drop(this.#link, why);
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true;
    this.leave(closed());
  }
}
