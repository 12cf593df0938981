/**
 * The topic of events that were not counted: original bytes and key, reason and origin in headers.
 * A crash between this and the commit may write one twice; readers count an origin once.
 */
import { MOST_ID_BYTES } from '../../config.ts';
import type { KeptEvent } from '../../status.ts';
import { keyOf, MAX_RECORD_BYTES } from './ingest.ts';
import type { Outgoing, Sender } from './sender.ts';

/** Header names of a record in the topic. */
export const HEADERS = {
  reason: 'reason',
  message: 'message',
  topic: 'topic',
  partition: 'partition',
  offset: 'offset',
  arrival: 'arrival',
  /** Only where the value had to be cut: how many bytes it had. */
  cutFrom: 'cut-from',
} as const;

/** Writes kept events to `topic`; resolves when all are acknowledged. */
export function rejectedWriter(sender: Sender, topic: string) {
  return (events: readonly KeptEvent[]): Promise<void> =>
    sender.send(events.map((event) => recordOf(event, topic)));
}

function recordOf(event: KeptEvent, topic: string): Outgoing {
  // Longer ones are cut.
  const value = Buffer.from(event.bytes.subarray(0, MAX_RECORD_BYTES));
  const size = event.cutFrom ?? event.bytes.length;
  const product = keyOf(value).product;
  const named = event.key ?? (product === null ? null : Buffer.from(product));
  // One that is no product id is not needed, and may be larger than what a broker takes.
  const key = named !== null && named.length > MOST_ID_BYTES ? null : named;
  const { topic: origin, partition } = originOf(event.partition);
  return {
    topic,
    value,
    key: key === null ? null : Buffer.from(key),
    headers: {
      [HEADERS.reason]: event.reason,
      [HEADERS.message]: event.message,
      [HEADERS.topic]: origin,
      [HEADERS.partition]: String(partition),
      [HEADERS.offset]: String(event.offset),
      [HEADERS.arrival]: String(event.arrivalMs),
      ...(size > value.length ? { [HEADERS.cutFrom]: String(size) } : {}),
    },
  };
}

/** `clicks-2` → clicks, 2. A topic's name may hold dashes itself. */
function originOf(name: string): { topic: string; partition: number } {
  const at = name.lastIndexOf('-');
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}
