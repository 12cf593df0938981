/** Headers of a record: as they are sent, and as they are read. */

export type Headers = Readonly<Record<string, string>>;

/** Headers as they lie in a record: their count, then each with its sizes. */
export function headerBytes(headers: Headers): Buffer {
  const entries = Object.entries(headers);
  const sized = (text: string) => {
    const bytes = Buffer.from(text);
    return Buffer.concat([varintBytes(bytes.length), bytes]);
  };
  const pairs = entries.flatMap(([key, value]) => [sized(key), sized(value)]);
  return Buffer.concat([varintBytes(entries.length), ...pairs]);
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/**
 * The headers of a record as text: they lie behind its value, which ends at `start`. The last of a
 * name counts.
 */
export function headersAt(bytes: Uint8Array, start: number): Record<string, string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = start;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = buffer[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
    }
  };
  // A length of -1 is none.
  const text = () => {
    const length = Math.max(0, number());
    at += length;
    return buffer.toString('utf8', at - length, at);
  };
  const headers: Record<string, string> = {};
  for (let left = number(); left > 0 && at < buffer.length; left--) {
    const name = text();
    headers[name] = text();
  }
  return headers;
}
