/** Bodies that come compressed. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ClickrateError } from '../errors.ts';
import { ProblemError } from './problem-error.ts';
import type { Hold } from './under-way.ts';

/** With `info` it answers so, which its types do not know. */
type Unpacked = { buffer: Buffer; engine: { bytesWritten: number } };

const inflate = promisify(gunzip) as unknown as (
  body: Buffer,
  options: { info: true; maxOutputLength: number },
) => Promise<Unpacked>;

/**
 * The body as it was before `Content-Encoding`. Throws `unsupported_media` for anything but gzip,
 * `body_too_large` when more than `limitBytes` would come out, `bad_request` when it is not gzip.
 * How much comes out is not known before: `hold` must have room for the limit, and keeps the size.
 */
export async function decoded(
  body: Buffer,
  encoding: string | undefined,
  limitBytes: number,
  hold: Hold,
): Promise<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === '') return body;
  if (name !== 'gzip' && name !== 'x-gzip')
    throw new ProblemError('unsupported_media', `the content encoding ${name} is not taken`, {}, [
      'accept-encoding',
      'gzip',
    ]);
  hold.take(limitBytes);
  let outBytes = 0;
  try {
    const out = await inflate(body, { info: true, maxOutputLength: limitBytes });
    // zlib stops at a zero between members: only zeros may follow.
    const rest = body.subarray(out.engine.bytesWritten);
    if (rest.some((byte) => byte !== 0)) throw new Error('there is more behind the zeros');
    outBytes = out.buffer.length;
    return out.buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new ClickrateError('body_too_large', `the body unpacks to over ${limitBytes} bytes`);
    throw new ClickrateError('bad_request', 'the body is not gzip as its Content-Encoding says');
  } finally {
    hold.giveBack(limitBytes - outBytes);
  }
}
