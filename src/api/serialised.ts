/** Bytes that were serialised before, with their entity tag. */
import { isAscii } from 'node:buffer';
import { etagOf } from './etag.ts';

export type Serialised = {
  etag: string;
  length: number;
  /** Written one after the other. */
  pieces: readonly Uint8Array[];
  /** The same as text of one byte a character, where that is possible and small, else null. */
  text: string | null;
};

/** Up to this many bytes an answer leaves in one piece with its head, which only text can. */
const TEXT_BYTES = 16_384;

/** Bytes as they will be sent; the tag is of the content, unless another is given. */
export function serialised(bytes: Buffer, etag = etagOf(bytes)): Serialised {
  const text = bytes.length <= TEXT_BYTES && isAscii(bytes) ? bytes.toString('latin1') : null;
  return { etag, length: bytes.length, pieces: [bytes], text };
}
