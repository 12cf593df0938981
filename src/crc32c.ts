/** CRC32C: the native library where it is installed, WebAssembly elsewhere. */
import { createRequire } from 'node:module';

type Crc32c = (bytes: Uint8Array) => number;

function best(): Crc32c {
  const require = createRequire(import.meta.url);
  const of = (name: string) => (require(name) as { crc32c: Crc32c }).crc32c;
  try {
    // An optional package: some platforms have no build of it.
    return of('@node-rs/crc32');
  } catch {
    // The client of Kafka brings one too.
    const portable = of('@platformatic/wasm-utils');
    return (bytes) => portable(bytes);
  }
}

/** The checksum of `bytes` as an unsigned 32-bit number. */
export const crc32c: Crc32c = best();
