/** Headers of a record to send. */

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
