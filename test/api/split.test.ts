import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opensArray, splitArray, splitLines, wholeBody } from '../../src/api/split.ts';
import { ClickrateError } from '../../src/errors.ts';
import { markOf } from '../../src/text-bytes.ts';
import { anyText } from '../support/any-text.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';
import { textsOf } from './fake-reader.ts';

const MOST = 10_000;
const lines = (text: string) => textsOf(splitLines(Buffer.from(text), MOST));
const elements = (text: string) => textsOf(splitArray(Buffer.from(text), MOST));

test('lines end at \\n, with or without \\r; blank lines are no records', () => {
  assert.deepEqual(lines('{"a":1}\n{"b":2}\r\n\n \t\r\n  {"c":3}  '), [
    '{"a":1}',
    '{"b":2}',
    '{"c":3}',
  ]);
  assert.deepEqual(lines(''), []);
  assert.deepEqual(lines('\n\r\n \n'), []);
});

test('more lines than were guessed for are all found', () => {
  const text = '1\n'.repeat(5_000);
  assert.equal(splitLines(Buffer.from(text), MOST).count, 5_000);
});

test('more items than a body may hold are refused as soon as they are found', () => {
  const body = (items: string) => Buffer.from(items);
  const refused = { code: 'body_too_large', message: /more than 3 events/ };
  assert.equal(splitLines(body('1\n\n\n2\n3\n\n'), 3).count, 3);
  assert.throws(() => splitLines(body('1\n2\n3\n4'), 3), refused);
  assert.equal(splitArray(body('[1,2,3]'), 3).count, 3);
  assert.throws(() => splitArray(body('[1,2,3,4,'), 3), refused);
});

test('lines of every length are found whole', () => {
  const texts = Array.from({ length: 70 }, (_, length) => 'x'.repeat(length));
  for (const end of ['\n', '\r\n', '\n\n']) {
    const body = texts.join(end);
    assert.deepEqual(lines(body), texts.slice(1));
    assert.deepEqual(lines(body + end), texts.slice(1));
  }
});

test('blank lines cost no call each: a body may hold millions', (t) => {
  const body = Buffer.alloc(10_000, '\n');
  const { mock } = t.mock.method(body, 'indexOf');
  assert.equal(splitLines(body, MOST).count, 0);
  assert.ok(mock.callCount() < 10, `${mock.callCount()} calls`);
});

test('an array is cut at its own commas only', () => {
  const text = ' [ {"a":"],[\\"}"} ,[1,[2,{}]], "x,y" ,{"b":"\\\\"},5\n] \n';
  assert.deepEqual(elements(text), ['{"a":"],[\\"}"}', '[1,[2,{}]]', '"x,y"', '{"b":"\\\\"}', '5']);
  assert.deepEqual(elements('[]'), []);
  assert.deepEqual(elements(' [ \n ] '), []);
});

test('what is not one balanced array is refused, and the message says why', () => {
  const refused: [string, RegExp][] = [
    ['[', /does not end/],
    ['[1', /does not end/],
    ['[{"a":1}', /does not end/],
    ['[[1]', /does not end/],
    ['["a]', /string in the array does not end/],
    ['["a\\"]', /string in the array does not end/],
    ['[1}', /closed by a brace/],
    ['[1,,2]', /empty element/],
    ['[,1]', /empty element/],
    ['[1,]', /empty element/],
    ['[1] 2', /follows the end/],
    ['[1]]', /follows the end/],
    ['[1]\n[2]', /follows the end/],
  ];
  for (const [text, message] of refused)
    assert.throws(
      () => elements(text),
      (error) =>
        error instanceof ClickrateError &&
        error.code === 'bad_request' &&
        message.test(error.message),
      text,
    );
});

test('elements of any JSON array, in any white space, are found whole', () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const value = fc.oneof(fc.jsonValue(), anyText());
  const property = fc.property(
    fc.array(fc.record({ value, before: space, after: space }), { maxLength: 30 }),
    (items) => {
      const texts = items.map(({ value, before, after }) => before + JSON.stringify(value) + after);
      const found = elements(`[${texts.join(',')}]`);
      assert.deepEqual(
        found.map((text) => JSON.parse(text)),
        items.map(({ value }) => JSON.parse(JSON.stringify(value))),
      );
    },
  );
  fc.assert(property, { numRuns: shareOf(500) });
});

test('any bytes either split or are refused as a bad request', () => {
  const soup = fc.array(fc.constantFrom('[', ']', '{', '}', '"', ',', '\\', 'a', ' ', '\n'), {
    maxLength: 40,
  });
  const property = fc.property(soup, (parts) => {
    const text = `[${parts.join('')}`;
    let valid = true;
    try {
      JSON.parse(text);
    } catch {
      valid = false;
    }
    try {
      elements(text);
    } catch (error) {
      assert.ok(error instanceof ClickrateError && error.code === 'bad_request');
      assert.ok(!valid, text);
    }
  });
  fc.assert(property, { numRuns: shareOf(2_000) });
});

test('the whole body is one record without the white space around it', () => {
  assert.deepEqual(textsOf(wholeBody(Buffer.from(' \n{"a":\n1} '))), ['{"a":\n1}']);
  assert.equal(wholeBody(Buffer.from(' \n ')).count, 0);
});

test('a byte order mark is dropped, and an array is known by its first byte', () => {
  assert.equal(markOf(Buffer.from('\ufeff[1]')), 3);
  assert.equal(markOf(Buffer.from('[1]')), 0);
  assert.equal(opensArray(Buffer.from(' \n[1]')), true);
  assert.equal(opensArray(Buffer.from(' {"a":[1]}')), false);
  assert.equal(opensArray(Buffer.from('')), false);
});
