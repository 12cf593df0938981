/** Sentences about rejected events must not be a way to stop the process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { explain } from '../../src/decode/explain.ts';
import { judgeReference } from '../../src/decode/reference.ts';

const encoder = new TextEncoder();

/** The reason and the sentence for a record that must be rejected. */
function rejected(text: string, settings = SETTINGS): { reason: string; sentence: string } {
  const bytes = encoder.encode(text);
  const judged = judgeReference(bytes, 0, bytes.length, 0, settings);
  assert.ok('reject' in judged, text.slice(0, 80));
  const sentence = explain(judged.reject, bytes, 0, bytes.length, 0, settings);
  return { reason: judged.reject, sentence };
}

const event = (product: string, time: string, type: string) =>
  `{"product_id":${product},"timestamp":${time},"event_type":${type}}`;

test('values nested as deep as an event can be are explained', () => {
  const lists = `${'['.repeat(32_000)}${']'.repeat(32_000)}`;
  const objects = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
  for (const [deep, kind] of [
    [lists, 'a list'],
    [objects, 'an object'],
  ]) {
    const product = rejected(event(deep, '1', '"click"'));
    assert.equal(product.reason, 'bad_product_id');
    assert.match(product.sentence, new RegExp(`product_id ${kind}`));
    const time = rejected(event('"a"', deep, '"click"'));
    assert.equal(time.reason, 'bad_timestamp');
    assert.match(time.sentence, new RegExp(`timestamp ${kind}`));
    const type = rejected(event('"a"', '1', deep));
    assert.equal(type.reason, 'bad_event_type');
    assert.match(type.sentence, new RegExp(`event_type ${kind}`));
  }
});

test('long texts are cut, also within a surrogate pair, and stay one line', () => {
  const { sentence } = rejected(event('"a"', '1', `"${'x'.repeat(79)}😀${'\\n'.repeat(900)}"`));
  assert.ok(sentence.isWellFormed());
  assert.ok(sentence.length < 200 && !sentence.includes('\n'), sentence);
});

test('a number is shown as it was meant, not as JSON would write it', () => {
  assert.match(rejected(event('"a"', '1e400', '"click"')).sentence, /timestamp Infinity /);
});

test('an integer that is too long for a product id is told its length', () => {
  const { reason, sentence } = rejected(event('-123', '1', '"click"'), {
    ...SETTINGS,
    maxProductIdBytes: 3,
  });
  assert.equal(reason, 'bad_product_id');
  assert.equal(sentence, 'product_id -123 is neither a text nor an integer of 1 to 3 bytes');
});
