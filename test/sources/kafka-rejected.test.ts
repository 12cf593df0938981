/** Records of the topic of events that were not counted: what they hold, and where it is told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HEADERS, rejectedWriter } from '../../src/sources/kafka/rejected.ts';
import type { Outgoing, Sender } from '../../src/sources/kafka/sender.ts';
import type { KeptEvent } from '../../src/status.ts';

const MOST_VALUE = 900_000;
const MOST_KEY = 8_192;

const EVENT: KeptEvent = {
  partition: 'my-clicks-12',
  offset: 34,
  reason: 'not_json',
  message: 'the record is not JSON',
  arrivalMs: 1_760_000_000_000,
  bytes: Buffer.from('x'),
};

async function recordsOf(...events: KeptEvent[]): Promise<readonly Outgoing[]> {
  const sent: Outgoing[] = [];
  const send = async (records: readonly Outgoing[]) => void sent.push(...records);
  await rejectedWriter({ send } as unknown as Sender, 'ctr-rejected')(events);
  return sent;
}

test('an event keeps its bytes and key, and says why and where from', async () => {
  const key = Buffer.from('its key');
  const [record] = await recordsOf({ ...EVENT, key });
  assert.deepEqual(record, {
    topic: 'ctr-rejected',
    value: Buffer.from('x'),
    key,
    headers: {
      reason: 'not_json',
      message: 'the record is not JSON',
      topic: 'my-clicks',
      partition: '12',
      offset: '34',
      arrival: '1760000000000',
    },
  });
});

test('without a key it has that of its product; one that is no product id is left out', async () => {
  const late = Buffer.from('{"product_id":"p","timestamp":1,"event_type":"click"}');
  const keys = [MOST_KEY, MOST_KEY + 1].map((size) => Buffer.alloc(size, 'k'));
  const records = await recordsOf(
    { ...EVENT, bytes: late },
    EVENT,
    ...keys.map((key) => ({ ...EVENT, key })),
  );
  const found = records.map(({ key }) => (key === null ? null : String(key)));
  assert.deepEqual(found, ['p', null, String(keys[0]), null]);
});

test('a value too long for a broker is cut, and says how long it was', async () => {
  const long = (size: number) => ({ ...EVENT, bytes: Buffer.alloc(size, 'v') });
  const cutBefore = { ...EVENT, cutFrom: 5_000_000 };
  const records = await recordsOf(long(MOST_VALUE), long(MOST_VALUE + 1), cutBefore);
  const found = records.map(({ value, headers }) => [value.length, headers?.['cut-from']]);
  assert.deepEqual(found, [
    [MOST_VALUE, undefined],
    [MOST_VALUE, '900001'],
    [1, '5000000'],
  ]);
});

test('the document names every header', () => {
  const text = readFileSync(new URL('../../docs/kafka.md', import.meta.url), 'utf8');
  const row = text.split('\n').find((line) => line.startsWith('| `ctr-rejected` |')) ?? '';
  const named = [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  for (const header of Object.values(HEADERS)) assert.ok(named.includes(header), header);
});
