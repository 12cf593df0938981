/**
 * A connection of our own to one broker, to fetch and to produce over: one request at a time, its
 * answer read straight into a buffer that is used again. The library's connection copies and parses
 * what we want raw (docs/decisions/0006); its login functions are used over `send`.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  type BaseOptions,
  type Callback,
  type Connection,
  Reader,
  type ResponseParser,
  Writer,
} from '@platformatic/kafka';
import { systemClock } from '../../clock.ts';
import { ClickrateError, messageOf } from '../../errors.ts';
import { login } from './login.ts';

/** Where a broker is. */
export type BrokerAddress = { host: string; port: number };

/** Where an answer of so many bytes is put; there may be more room. */
export type Room = (size: number) => Buffer;

/** What a lane needs of a connection; others take its place in a simulation. */
export type BrokerLine = Pick<BrokerConnection, 'open' | 'request' | 'close' | 'isClosed'>;

const SIZE_BYTES = 4;
/** Largest answer: far above what is asked for, and what one batch may have. */
const MAX_ANSWER_BYTES = 268_435_456;
const KEEP_ALIVE_MS = 30_000;
/** When a login is renewed: at this part of the time that it holds. */
const RENEWED_AT = 0.8;

type Waiting = { room: Room; resolve(answer: Buffer): void; reject(error: ClickrateError): void };

export class BrokerConnection {
  readonly #name: string;
  readonly #options: BaseOptions;
  readonly #socket: Socket;
  readonly #opened: Promise<void>;
  /** The size of the answer under way; once it is known, where the whole of it is put. */
  readonly #size = Buffer.allocUnsafe(SIZE_BYTES);
  #answer: Buffer | null = null;
  #used = 0;
  #waiting: Waiting | null = null;
  #correlation = 0;
  #failure: ClickrateError | null = null;
  /** Connected and logged in: from then on silence is rest, unless an answer is waited for. */
  #isOpen = false;
  /** From when on a request has to be preceded by another login: brokers may cut off old ones. */
  #renewAtMs = Infinity;

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
    await this.#login();
    this.#isOpen = true;
  }

  async #login(): Promise<void> {
    const { sasl } = this.#options;
    if (sasl === undefined) return;
    const beganMs = systemClock.monotonicMs();
    try {
      const holdsMs = await login(this as unknown as Connection, sasl);
      this.#renewAtMs = holdsMs > 0 ? beganMs + holdsMs * RENEWED_AT : Infinity;
    } catch (error) {
      this.#fail(`login failed: ${messageOf(error)}`);
      throw this.#failure;
    }
  }

  /**
   * Sends a request, after another login where that is due; its correlation id is written here. The
   * answer, its size in front, lies in what `room` gave for it; after a rejection nothing more is
   * written there. Rejects with `source_unavailable`.
   */
  async request(bytes: Buffer, room?: Room): Promise<Buffer> {
    if (systemClock.monotonicMs() >= this.#renewAtMs) await this.#login();
    return this.#exchange(bytes, room);
  }

  #exchange(bytes: Buffer, room: Room = Buffer.allocUnsafeSlow): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting !== null)
        throw new ClickrateError('internal', 'a request is under way on this connection');
      if (this.#failure !== null) throw this.#failure;
      this.#correlation = (this.#correlation + 1) & 0x7fff_ffff;
      bytes.writeInt32BE(this.#correlation, 8);
      this.#waiting = { room, resolve, reject };
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
      const answer = await this.#exchange(writer.buffer);
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

  /** Free bytes behind what came of the answer under way: first of its size alone. */
  #room(): Buffer {
    return (this.#answer ?? this.#size).subarray(this.#used);
  }

  #onRead(size: number): boolean {
    this.#used += size;
    if (this.#answer === null) return this.#used < SIZE_BYTES || this.#begin();
    const length = this.#size.readInt32BE(0) + SIZE_BYTES;
    if (this.#used >= length) this.#answered(this.#answer, length);
    return true;
  }

  /** The size of an answer has come. */
  #begin(): boolean {
    const length = this.#size.readInt32BE(0);
    if (length < 4 || length > MAX_ANSWER_BYTES || this.#waiting === null) {
      this.#fail('it sent something that is no answer');
      return false;
    }
    this.#answer = this.#waiting.room(length + SIZE_BYTES);
    this.#size.copy(this.#answer);
    return true;
  }

  #answered(bytes: Buffer, size: number): void {
    const answer = bytes.subarray(0, size);
    const { resolve } = this.#waiting as Waiting;
    if (this.#used !== size || answer.readInt32BE(SIZE_BYTES) !== this.#correlation) {
      this.#fail('it answered another request');
      return;
    }
    this.#waiting = null;
    this.#answer = null;
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
    this.#answer = null;
    this.#used = 0;
    waiting?.reject(this.#failure);
  }

  close(): void {
    this.#fail('closed');
  }
}

function serverName(host: string): { servername?: string } {
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
