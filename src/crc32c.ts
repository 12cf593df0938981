/** CRC32C: the native library where it is installed, WebAssembly elsewhere. */
import { createRequire } from 'node:module';
import { crc32c as portable } from '@platformatic/kafka';

function native(): ((bytes: Uint8Array) => number) | null {
  try {
    // An optional package: some platforms have no build of it.
    const found = createRequire(import.meta.url)('@node-rs/crc32') as {
      crc32c(bytes: Uint8Array): number;
    };
    return found.crc32c;
  } catch {
    return null;
  }
}

/** The checksum of `bytes` as an unsigned 32-bit number. */
export const crc32c: (bytes: Uint8Array) => number = native() ?? ((bytes) => portable(bytes));
