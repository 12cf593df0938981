/**
 * A line to Redis over which bytes go out as they are: the rows of a commit are written in the
 * form of the protocol, where the library would take them one by one, which costs more than all
 * the rest of a closing. Who is asked, and how one logs in, is as with the library's client.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ErrorReply, RedisClient } from '@redis/client';
import { Replies, type Reply } from './replies.ts';

/** An argument of a command. */
export type Argument = string | Buffer;

/** A piece of what is sent, in the form of the protocol. */
export type Chunk = string | Buffer;

export type Login = { url: string; username?: string; password?: string };

/** What was sent and is not answered yet. */
type Waiting = {
  replies: Reply[];
  count: number;
  resolve(replies: Reply[]): void;
  reject(error: unknown): void;
};

const KEEP_ALIVE_MS = 5_000;
/** Where an address names none. */
export const PORT = 6_379;

/** A command, and each of its arguments, as the protocol has them. */
export function commandOf(...args: string[]): string {
  return `*${args.length}\r\n${args.map(argumentOf).join('')}`;
}

export function argumentOf(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

export class Line {
  readonly #login: Login;
  readonly #connectMs: number;
  readonly #replies = new Replies();
  /** In the order of sending, which is that of the answers. */
  readonly #waiting: Waiting[] = [];
  #socket: Socket | null = null;
  #onError: (error: unknown) => void = () => {};
  isOpen = true;

  /** @param connectMs how long it may take until the server was reached */
  constructor(login: Login, connectMs: number) {
    this.#login = login;
    this.#connectMs = connectMs;
  }

  on(_event: 'error', listener: (error: unknown) => void): void {
    this.#onError = listener;
  }

  /** Reaches the server, logs in, and sees that transactions may be had. */
  async connect(): Promise<void> {
    await this.#reach();
    const commands = this.#greeting();
    const replies = await this.send([commands.join('')], commands.length);
    const refused = replies.find((reply) => reply instanceof ErrorReply);
    if (refused !== undefined) throw refused;
  }

  async #reach(): Promise<void> {
    const { socket: at = {} } = RedisClient.parseURL(this.#login.url);
    const { host, port = PORT, tls } = at as { host: string; port?: number; tls: boolean };
    const how = { host, port, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const socket = tls ? connectTls(how) : connect(how);
    this.#socket = socket.setNoDelay();
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.#break(error));
    socket.on('close', () => this.#break(new Error('Redis ended the connection')));
    socket.setTimeout(this.#connectMs, () => this.#break(new Error('Connection timeout')));
    await once(socket, tls ? 'secureConnect' : 'connect');
    socket.setTimeout(0);
  }

  #greeting(): string[] {
    const { username, password = '' } = this.#login;
    const { database } = RedisClient.parseURL(this.#login.url);
    const commands: string[] = [];
    // A user may have no password.
    if (username !== undefined || password !== '')
      commands.push(commandOf('AUTH', ...(username === undefined ? [] : [username]), password));
    commands.push(commandOf('CLIENT', 'SETNAME', 'clickrate'));
    if (database !== undefined) commands.push(commandOf('SELECT', String(database)));
    // What is asked for between the two is all or nothing.
    commands.push(commandOf('MULTI'), commandOf('EXEC'));
    return commands;
  }

  /** Sends bytes that will be answered by so many replies; these may be refusals. */
  send(chunks: readonly Chunk[], count: number): Promise<Reply[]> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      if (socket === null || !this.isOpen) {
        reject(new Error('the connection is closed'));
        return;
      }
      this.#waiting.push({ replies: [], count, resolve, reject });
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    });
  }

  #take(bytes: Buffer): void {
    try {
      for (const reply of this.#replies.take(bytes)) this.#give(reply);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #give(reply: Reply): void {
    const first = this.#waiting[0];
    if (first === undefined) throw new Error('Redis answers what nobody asked');
    first.replies.push(reply);
    if (first.replies.length < first.count) return;
    this.#waiting.shift();
    first.resolve(first.replies);
  }

  #break(error: Error): void {
    if (!this.isOpen) return;
    this.destroy(error);
    this.#onError(error);
  }

  /** Ends it: what waits for an answer fails, for the reason that was told before, if any. */
  destroy(why = new Error('the connection was ended')): void {
    this.isOpen = false;
    this.#socket?.destroy(why);
    for (const { replies, reject } of this.#waiting.splice(0))
      reject(replies.find((reply) => reply instanceof ErrorReply) ?? why);
  }
}
