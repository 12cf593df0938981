/** The corpus that every decoder is held to, also those in other languages. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { eventBatch } from '../../src/decode/columns.ts';
import { explain } from '../../src/decode/explain.ts';
import { Products } from '../../src/decode/products.ts';
import { judgeReference, type Reference } from '../../src/decode/reference.ts';
import { Decoder } from '../../src/decode/scan.ts';
import { createJudge } from '../../src/decode/unusable.ts';
import { TOO_LATE, VERDICTS } from '../../src/event.ts';
import { ROOT } from '../support/processes.ts';
import { recordsOf } from '../support/records.ts';

type Case = { name: string; base64: string; arrivalMs: number; expect: Reference };

const corpus = readFileSync(join(ROOT, 'test/data/decode-corpus.ndjson'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

test('reference, scan and ingest agree with the corpus', () => {
  const judge = createJudge(SETTINGS);
  const products = new Products({ maxProducts: 10_000 });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4));
  const events = eventBatch(1);
  for (const { name, base64, arrivalMs, expect } of corpus) {
    const bytes = Buffer.from(base64, 'base64');
    const records = recordsOf([bytes], arrivalMs);
    assert.deepEqual(judgeReference(bytes, 0, bytes.length, arrivalMs, SETTINGS), expect, name);
    decoder.decode(records, 0, 1, events);
    const unusable = judge(records, arrivalMs);
    if ('reject' in expect) {
      assert.equal(VERDICTS[events.reject[0]], expect.reject, name);
      assert.deepEqual(
        unusable.map(({ reason }) => reason),
        [expect.reject],
        name,
      );
      continue;
    }
    assert.equal(events.reject[0], 0, name);
    assert.deepEqual(unusable, [], name);
    assert.equal(products.name(events.product[0]), expect.product, name);
    assert.equal(events.time[0], expect.time, name);
    assert.equal(events.kind[0], expect.kind, name);
    assert.equal(events.hasId[0], expect.eventId === null ? 0 : 1, name);
  }
});

test('the corpus has every rejection that a record alone can bring', () => {
  const met = new Set<string>(
    corpus.map(({ expect }) => ('reject' in expect ? expect.reject : 'counted')),
  );
  const missing = VERDICTS.slice(TOO_LATE + 1).filter((verdict) => !met.has(verdict));
  assert.deepEqual(missing, ['too_many_products']);
  assert.ok(corpus.length >= 300);
});

test('every reason has a sentence that says what is wrong', () => {
  for (const { name, base64, arrivalMs, expect } of corpus) {
    if (!('reject' in expect)) continue;
    const bytes = Buffer.from(base64, 'base64');
    const sentence = explain(expect.reject, bytes, 0, bytes.length, arrivalMs, SETTINGS);
    assert.ok(sentence.length > 10 && sentence.length < 300, `${name}: ${sentence}`);
    assert.doesNotMatch(sentence, /undefined|NaN|null;/, name);
  }
});

test('a number in another unit is named', () => {
  const say = (timestamp: string) => {
    const bytes = Buffer.from(`{"product_id":"a","timestamp":${timestamp},"event_type":"click"}`);
    return explain('timestamp_unit', bytes, 0, bytes.length, 0, SETTINGS);
  };
  assert.equal(
    say('1700000000'),
    'timestamp 1700000000 can only be seconds; epoch milliseconds are taken',
  );
  assert.match(say('1700000000000000'), /only be microseconds/);
  assert.match(say('1700000000000000000'), /only be nanoseconds/);
});

test('ingest describes the first unusable items, and only counts the others', () => {
  const judge = createJudge(SETTINGS, 2);
  const unusable = judge(recordsOf(['a', 'b', '{}', 'c'], 0), 0);
  assert.equal(unusable.length, 4);
  assert.deepEqual(
    unusable.slice(0, 2).map(({ index }) => index),
    [0, 1],
  );
  assert.equal(unusable[2], unusable[3], 'nothing is made for an item that is not listed');
});
