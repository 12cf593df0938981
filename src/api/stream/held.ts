/** How much text waits for readers, and who has to go where that is too much. */
import type { StreamReader } from './reader.ts';

type Waiting = Pick<StreamReader, 'waiting' | 'drainedMs'>;

/** Each text counts once, however many readers wait for it. */
function bytesOf(readers: Iterable<Waiting>): number {
  const texts = new Set<Buffer>();
  for (const { waiting } of readers) for (const text of waiting) texts.add(text);
  let bytes = 0;
  for (const text of texts) bytes += text.length;
  return bytes;
}

/** Those without whom at most `limitBytes` wait: first who has drained longest ago. */
export function beyond<T extends Waiting>(readers: Iterable<T>, limitBytes: number): T[] {
  const left = [...readers].filter(({ waiting }) => waiting.length > 0);
  left.sort((a, b) => b.drainedMs - a.drainedMs);
  const gone: T[] = [];
  while (left.length > 0 && bytesOf(left) > limitBytes) gone.push(left.pop() as T);
  return gone;
}
