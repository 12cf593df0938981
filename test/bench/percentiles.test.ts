/** What a program of the bench tells of its delays is read back as it was. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { percentiles, rowsOf } from '../../bench/percentiles.ts';

suite('lines of percentiles', () => {
  test('are read back, with the load and with what was never seen', () => {
    const delays = Array.from({ length: 200 }, (_, n) => 200 - n);
    const output = [
      'AMD EPYC, 2 cores',
      '9981 events/s, 1000 products; 200 closings',
      '',
      'append time of the closing record → visible, ms       p50      p90      p99      max',
      percentiles('in Redis', delays),
      percentiles('at a client of the live stream', [...delays, Number.NaN, Number.NaN]),
      '',
    ].join('\n');
    const found = { p50: 101, p90: 181, p99: 199, max: 200 };
    assert.deepEqual(rowsOf(output), {
      load: '9981 events/s, 1000 products; 200 closings',
      rows: [
        { way: 'in Redis', ...found, unseen: 0 },
        { way: 'at a client of the live stream', ...found, unseen: 2 },
      ],
    });
  });

  test('have dashes where nothing was seen, and are read back as no number', () => {
    const never = percentiles('in Redis', [Number.NaN, Number.NaN]);
    assert.match(never, /^in Redis {37} {8}-( {8}-){3} {3}2 unseen$/);
    assert.match(percentiles('in Redis', []), /^in Redis {37} {8}-( {8}-){3}$/);
    const none = { p50: Number.NaN, p90: Number.NaN, p99: Number.NaN, max: Number.NaN };
    assert.deepEqual(rowsOf(never).rows, [{ way: 'in Redis', ...none, unseen: 2 }]);
  });

  test('are not found in other lines', () => {
    assert.deepEqual(rowsOf('a 1 2 3\nb 1 2 3 4 5 6x\n').rows, []);
  });
});
