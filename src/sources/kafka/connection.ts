/**
 * A connection of our own to one broker, for fetching: one request at a time, its answer read
 * straight into a buffer that is used again. The library's connection copies and parses what we
 * want raw (docs/decisions/0006); its login functions are used over `send`.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BaseOptions, Callback, Connection, ResponseParser } from '@platformatic/kafka';
import { Reader, Writer } from '@platformatic/kafka';
import { ClickrateError, messageOf } from '../../errors.ts';
import { login } from './login.ts';

/** Where a broker is. */
export type BrokerAddress = { host: string; port: number };

/** What a lane needs of a connection; others take its place in a simulation. */
export type BrokerLine = Pick<BrokerConnection, 'open' | 'request' | 'close' | 'isClosed'>;

const FIRST_BYTES = 65_536;
/** Largest answer: far above what is asked for, and what one batch may have. */
const MAX_ANSWER_BYTES = 268_435_456;
const KEEP_ALIVE_MS = 30_000;

type Waiting = { resolve(answer: Buffer): void; reject(error: ClickrateError): void };

export class BrokerConnection {
  readonly #name: string;
  readonly #options: BaseOptions;
  readonly #socket: Socket;
  readonly #opened: Promise<void>;
  readonly #buffers = [Buffer.allocUnsafe(FIRST_BYTES), Buffer.allocUnsafe(FIRST_BYTES)];
  /** Index of the buffer that the answer under way fills; the other holds the one before it. */
  #turn = 0;
  #used = 0;
  #waiting: Waiting | null = null;
  #correlation = 0;
  #failure: ClickrateError | null = null;
  /** Connected and logged in: from then on silence is rest, unless an answer is waited for. */
  #isOpen = false;

  /** Begins to connect; `open` says when that is done. */
  constructor(address: BrokerAddress, options: BaseOptions) {
    this.#name = `${address.host}:${address.port}`;
    this.#options = options;
    const settings = {
      ...address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread: { buffer: () => this.#room(), callback: (size: number) => this.#onRead(size) },
    };
    const tls = options.tls;
    this.#socket = tls
      ? // An address is no name to ask for; the certificate is checked against the host anyway.
        connectTls({ ...tls, ...settings, ...serverName(address.host) })
      : connectTcp(settings);
    this.#socket.on('error', (error) => this.#fail(messageOf(error)));
    this.#socket.on('close', () => this.#fail('the connection was closed'));
    // Not the callback of `setTimeout`, which hears of the first timeout only.
    this.#socket.on('timeout', () => this.#onTimeout());
    this.#socket.setTimeout(options.connectTimeout ?? 0);
    this.#opened = this.#open(tls ? 'secureConnect' : 'connect');
    // Whoever opens hears of it; one that is closed before that is nobody's error.
    this.#opened.catch(() => {});
  }

  /** Whether it has failed or was closed. */
  get isClosed(): boolean {
    return this.#failure !== null;
  }

  /** Resolves when connected and logged in; rejects with `source_unavailable`. */
  open(): Promise<void> {
    return this.#opened;
  }

  async #open(event: 'connect' | 'secureConnect'): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once(event, resolve);
      this.#socket.once('close', () => reject(this.#failure));
    });
    this.#socket.setTimeout(this.#options.timeout ?? 0);
    if (this.#options.sasl !== undefined) await this.#login(this.#options.sasl);
    this.#isOpen = true;
  }

  async #login(sasl: NonNullable<BaseOptions['sasl']>): Promise<void> {
    try {
      await login(this as unknown as Connection, sasl);
    } catch (error) {
      this.#fail(`login failed: ${messageOf(error)}`);
      throw this.#failure;
    }
  }

  /**
   * Sends a request; its correlation id is written here. The answer, its size in front, stays as
   * it is until the next but one. Rejects with `source_unavailable`.
   */
  request(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting !== null)
        throw new ClickrateError('internal', 'a request is under way on this connection');
      if (this.#failure !== null) throw this.#failure;
      this.#correlation = (this.#correlation + 1) & 0x7fff_ffff;
      bytes.writeInt32BE(this.#correlation, 8);
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  /** What the library's API functions call: used for the login only. */
  send<T>(
    apiKey: number,
    apiVersion: number,
    createPayload: () => Writer | Promise<Writer>,
    parse: ResponseParser<T>,
    hasRequestTags: boolean,
    hasAnswerTags: boolean,
    callback: Callback<T>,
  ): void {
    const exchange = async () => {
      const writer = Writer.create().appendInt16(apiKey).appendInt16(apiVersion).appendInt32(0);
      writer.appendString(this.#options.clientId, false);
      if (hasRequestTags) writer.appendTaggedFields();
      writer.appendFrom(await createPayload()).prependLength();
      const answer = await this.request(writer.buffer);
      // Size and correlation id.
      const reader = Reader.from(Buffer.from(answer.subarray(8)));
      if (hasAnswerTags) reader.readTaggedFields();
      return await parse(this.#correlation, apiKey, apiVersion, reader);
    };
    exchange().then(
      (value) => callback(null, value),
      (error: Error) => callback(error),
    );
  }

  /** Free bytes behind what came of the answer under way. */
  #room(): Buffer {
    const buffer = this.#buffers[this.#turn];
    const size = this.#used < 4 ? 4 : buffer.readInt32BE(0) + 4;
    if (size <= buffer.length) return buffer.subarray(this.#used);
    const larger = Buffer.allocUnsafe(Math.max(size, buffer.length * 2));
    buffer.copy(larger, 0, 0, this.#used);
    this.#buffers[this.#turn] = larger;
    return larger.subarray(this.#used);
  }

  #onRead(size: number): boolean {
    this.#used += size;
    if (this.#used < 4) return true;
    const length = this.#buffers[this.#turn].readInt32BE(0);
    if (length < 4 || length > MAX_ANSWER_BYTES || this.#waiting === null) {
      this.#fail('it sent something that is no answer');
      return false;
    }
    if (this.#used < length + 4) return true;
    this.#answered(length + 4);
    return true;
  }

  #answered(size: number): void {
    const answer = this.#buffers[this.#turn].subarray(0, size);
    const { resolve } = this.#waiting as Waiting;
    if (this.#used !== size || answer.readInt32BE(4) !== this.#correlation) {
      this.#fail('it answered another request');
      return;
    }
    this.#waiting = null;
    this.#turn = 1 - this.#turn;
    this.#used = 0;
    resolve(answer);
  }

  #onTimeout(): void {
    // A connection that waits for us is not overdue.
    if (this.#isOpen && this.#waiting === null) return;
    this.#fail('it did not answer in time');
  }

  #fail(reason: string): void {
    this.#failure ??= new ClickrateError('source_unavailable', `broker ${this.#name}: ${reason}`);
    this.#socket.destroy();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }

  close(): void {
    this.#fail('closed');
  }
}

function serverName(host: string): { servername?: string } {
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
