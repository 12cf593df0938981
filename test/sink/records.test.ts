/** The records of the job's topics, read. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readProgress, readRejected, readResult } from '../../src/sink/records.ts';
import { headerBytes, headersAt } from '../../src/sources/kafka/headers.ts';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

suite('records of the job', () => {
  test('a result, with and without a fraction of a second', () => {
    const start = '2026-11-23T22:10:00Z';
    const value = { product_id: 'p', window_start: start, window_end: '2026-11-23T22:10:00.500Z' };
    assert.deepEqual(readResult(bytes({ ...value, impressions: 9, clicks: 1 })), {
      product: 'p',
      start: Date.parse(start),
      impressions: 9,
      clicks: 1,
      windowMs: 500,
    });
  });

  test('a result of a year before the first', () => {
    const value = { product_id: 'p', window_start: '-4368-11-23T22:10:00Z' };
    const window = { ...value, window_end: '-4368-11-23T22:10:10Z', impressions: 1, clicks: 0 };
    assert.equal(readResult(bytes(window))?.start, Date.parse('-004368-11-23T22:10:00Z'));
    assert.equal(readResult(bytes(window))?.windowMs, 10_000);
  });

  test('what is no result is none', () => {
    const good = {
      product_id: 'p',
      window_start: '2026-11-23T22:10:00Z',
      window_end: '2026-11-23T22:10:10Z',
      impressions: 1,
      clicks: 0,
    };
    assert.ok(readResult(bytes(good)));
    const of = (wrong: unknown, names: (keyof typeof good)[]) =>
      names.map((name) => ({ ...good, [name]: wrong }));
    const times = ['window_start', 'window_end'] as const;
    const counts = ['impressions', 'clicks'] as const;
    for (const wrong of [
      ...of(undefined, Object.keys(good) as (keyof typeof good)[]),
      ...[...of('x', [...times]), ...of(3, ['product_id'])],
      ...[-1, 0.5, '1', 2 ** 53].flatMap((count) => of(count, [...counts])),
      ...[[], null, 7],
    ])
      assert.equal(readResult(bytes(wrong)), null, JSON.stringify(wrong));
    assert.equal(readResult(Buffer.from('{')), null);
  });

  test('progress, also before the first watermark', () => {
    const watermark = '2026-11-23T22:10:00.250Z';
    assert.deepEqual(readProgress(bytes({ partition: 1, watermark, heartbeat: 1 })), {
      partition: 1,
      watermark: Date.parse(watermark),
    });
    assert.deepEqual(readProgress(bytes({ partition: 0, watermark: null })), {
      partition: 0,
      watermark: null,
    });
    assert.equal(readProgress(bytes({ watermark })), null);
    assert.equal(readProgress(bytes({ partition: 1, watermark: 'x' })), null);
  });

  test('headers behind a value', () => {
    const headers = {
      reason: 'too_late',
      topic: 'a-b',
      partition: '2',
      offset: '77',
      message: 'ü'.repeat(90),
    };
    const value = Buffer.concat([Buffer.from('value'), headerBytes(headers), Buffer.from('next')]);
    assert.deepEqual(headersAt(value, 5), headers);
    assert.deepEqual(readRejected(headers), { reason: 'too_late', origin: 'a-b-2', offset: 77 });
    assert.equal(readRejected({ ...headers, reason: 'counted' }), null);
    assert.equal(readRejected({ ...headers, offset: '-1' }), null);
    assert.equal(readRejected({ reason: 'too_late', offset: '77' }), null);
    assert.deepEqual(headersAt(Buffer.from([0]), 0), {});
  });
});
