/** Output files and standard output of a command: everything is written, or an error says why. */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { ClickrateError, messageOf } from '../errors.ts';

const STANDARD_OUTPUT = 1;
/** How long a full pipe is left alone. */
const PIPE_WAIT_MS = 5;

export class Output {
  readonly #name: string;
  readonly #file: number;
  /** Bytes written. */
  written = 0;

  /** Opens the file `name`, `-`: standard output. Throws `file_unreadable`. */
  constructor(name: string) {
    this.#name = name === '-' ? 'standard output' : name;
    this.#file = name === '-' ? STANDARD_OUTPUT : this.#tried(() => openSync(name, 'w'));
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += this.#tried(() => this.#some(bytes, at));
    this.written += bytes.length;
  }

  close(): void {
    if (this.#file !== STANDARD_OUTPUT) this.#tried(() => closeSync(this.#file));
  }

  #some(bytes: Uint8Array, at: number): number {
    try {
      return writeSync(this.#file, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // A pipe that is full for a moment: its reader will go on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_WAIT_MS);
      return 0;
    }
  }

  #tried<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      const message = `cannot write ${this.#name}: ${messageOf(error)}`;
      throw new ClickrateError('file_unreadable', message, { cause: error });
    }
  }
}

/** Whether two names are of one file, also where one is a link. */
export function isSameFile(one: string, other: string): boolean {
  const placeOf = (name: string) => {
    const found = statSync(name, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? resolve(name) : `${found.dev} ${found.ino}`;
  };
  return placeOf(one) === placeOf(other);
}
