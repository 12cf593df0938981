/** The connection to Redis: commands and scripts over the library's client, commits over a line. */
import { createHash } from 'node:crypto';
import { ErrorReply, RESP_TYPES, RedisClient } from '@redis/client';
import { ClickrateError } from '../../errors.ts';
import { Lasting } from './lasting.ts';
import { type Argument, Line, PORT } from './line.ts';
import { answerIn, type Rows, transactionOf } from './transaction.ts';

export type RedisAddress = { url: string; password?: string };

/** How long a connection may take to be made, with its log-in. */
const CONNECT_MS = 2_000;

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
  const client = create({
    ...PROTOCOL,
    ...loginOf(address),
    name: 'clickrate',
    disableClientInfo: true,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: CONNECT_MS },
  });
  // The library has no socket yet that it could end, and goes on to have one for ever.
  client.on('connect', () => {
    if (!client.isOpen) client.destroy();
  });
  return client;
}

/**
 * Host and port of an address, without user and password. Throws `config_invalid`, also where some
 * of it would be ignored: a `#` or `/` in a password ends the host there.
 */
export function placeOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  const isRight =
    url !== null &&
    /^rediss?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    /^(\/\d*)?$/.test(url.pathname) &&
    url.search + url.hash === '';
  if (isRight) return `${url.hostname}:${url.port === '' ? PORT : url.port}`;
  throw new ClickrateError(
    'config_invalid',
    'redis must be redis://host:port or redis://host:port/database (rediss: with TLS)',
  );
}

export class Connection {
  readonly #timeoutMs: number;
  /** Host and port, for sentences. */
  readonly where: string;
  readonly #client: Lasting<Client>;
  /**
   * For transactions with rows; only who commits has one. Each is left with the other: the address
   * may be that of another server by now, and claims must be known where commits go.
   */
  readonly #line: Lasting<Line>;

  /** Connects nothing yet. Throws `config_invalid` for an address that is none. */
  constructor(address: RedisAddress, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.where = placeOf(address.url);
    this.#client = new Lasting(
      () => newClient(address),
      this.where,
      (why) => this.#line.leave(why),
    );
    this.#line = new Lasting(
      () => new Line(loginOf(address), CONNECT_MS),
      this.where,
      (why) => this.#client.leave(why),
    );
  }

  /** Sends a command; strings are answered as text. Throws as `storeError` says. */
  send<T>(args: readonly Argument[], timeoutMs = this.#timeoutMs): Promise<T> {
    return this.#client.call(timeoutMs, (client) => client.sendCommand<T>([...args]));
  }

  /** Sends commands in one go; strings are answered as text. */
  sendAll<T>(commands: readonly (readonly Argument[])[]): Promise<T[]> {
    return this.#client.call(this.#timeoutMs, (client) =>
      Promise.all(commands.map((args) => client.sendCommand<T>([...args]))),
    );
  }

  /** Sends commands in one go; strings are answered as bytes. */
  sendAllForBytes<T>(commands: readonly (readonly Argument[])[]): Promise<T[]> {
    return this.#client.call(this.#timeoutMs, (client) =>
      Promise.all(commands.map((args) => client.sendCommand<T>([...args], BYTES))),
    );
  }

  /** Runs a script. It is sent whole only when Redis does not know it, when nothing of it ran. */
  run<T>(script: Script, args: readonly Argument[]): Promise<T> {
    return this.#client.call(this.#timeoutMs, async (client) => {
      try {
        return await client.sendCommand<T>(['EVALSHA', script.sha, '0', ...args]);
      } catch (error) {
        if (!(error instanceof ErrorReply) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await client.sendCommand<T>(['EVAL', script.text, '0', ...args]);
      }
    });
  }

  /** Runs a script and writes rows, see `transactionOf`; those of calls are in their order. */
  transact<T>(script: Buffer, args: readonly Argument[], rows: readonly Rows[]): Promise<T> {
    return this.#line.call(this.#timeoutMs, async (line) => {
      const { chunks, count } = transactionOf(script, args, rows);
      return answerIn(await line.send(chunks, count)) as T;
    });
  }

  /** Ends the connection at once: calls under way fail with `why`, the next one connects anew. */
  leave(why: unknown): void {
    this.#client.leave(why);
    // Where there is no client.
    this.#line.leave(why);
  }

  /** Ends it for good. */
  close(): void {
    this.#client.close();
    this.#line.close();
  }
}
