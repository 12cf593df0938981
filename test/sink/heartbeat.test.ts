/** Which event time a heartbeat carries, and when there is none. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { settingsWith } from '../../src/config.ts';
import { type DataPartition, heartbeatTime, pauseReason } from '../../src/flink/heartbeat.ts';
import { windowStart } from '../../src/result.ts';
import { fc } from '../support/fast-check.ts';

const settings = settingsWith({});
const { windowMs, watermarkDelayMs, allowedLatenessMs } = settings;

suite('heartbeats', () => {
  test('without an event there is none', () => {
    assert.equal(heartbeatTime(null, 1_000, null, settings), null);
    assert.equal(heartbeatTime(null, 1_000, 500, settings), null);
  });

  test('the newest event, what has passed since, and the lead', () => {
    const newest = { time: 50_000, arrivalMs: 1_000_000 };
    assert.equal(heartbeatTime(newest, 1_000_000, null, settings), 52_000);
    assert.equal(heartbeatTime(newest, 1_003_500, 52_000, settings), 55_500);
    // A clock behind the broker's.
    assert.equal(heartbeatTime(newest, 999_000, null, settings), 52_000);
    const early = { time: -50_000, arrivalMs: 1_000_000 };
    assert.equal(heartbeatTime(early, 1_000_000, null, settings), -48_000);
  });

  test('in the end it makes the newest window final, and goes no further', () => {
    const newest = { time: 50_000, arrivalMs: 0 };
    const last = heartbeatTime(newest, 3_600_000, null, settings)!;
    assert.equal(last - watermarkDelayMs, 60_000 - 1 + allowedLatenessMs);
  });

  test('never back, never beyond the newest window; silence always reaches the end', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ stepMs: fc.integer({ min: 0, max: 9_000 }), waitMs: fc.nat(20_000) }),
          { minLength: 1, maxLength: 40 },
        ),
        (moves) => {
          let [time, nowMs] = [1_700_000_000_000, 1_700_000_000_000];
          let last: number | null = null;
          for (const { stepMs, waitMs } of moves) {
            time += stepMs;
            const arrivalMs = nowMs;
            nowMs += waitMs;
            const next: number = heartbeatTime({ time, arrivalMs }, nowMs, last, settings)!;
            assert.ok(last === null || next >= last);
            const final = windowStart(time, windowMs) + windowMs - 1 + allowedLatenessMs;
            assert.ok(next - watermarkDelayMs <= final);
            if (waitMs >= windowMs + allowedLatenessMs + watermarkDelayMs)
              assert.equal(next - watermarkDelayMs, final);
            last = next;
          }
        },
      ),
    );
  });

  test('paused while the job is behind any partition, or has never read one', () => {
    const read: DataPartition = {
      name: 'clicks-0',
      first: 0,
      end: 99,
      endThen: 90,
      committed: 90,
    };
    assert.equal(pauseReason([], 'g-flink'), null);
    assert.equal(pauseReason([read, { ...read, committed: 95 }], 'g-flink'), null);
    assert.match(
      pauseReason([read, { ...read, committed: 89 }], 'g-flink')!,
      /behind: .*clicks-0 to 89/,
    );
    assert.match(
      pauseReason([{ ...read, committed: null }], 'g-flink')!,
      /no job has read .* group g-flink has committed nothing/,
    );
    assert.match(pauseReason([{ ...read, endThen: 0, committed: null }], 'g-flink')!, /no job/);
    // Nothing to read, from the beginning or since all was deleted.
    assert.equal(pauseReason([{ ...read, end: 0, endThen: 0, committed: null }], 'g-flink'), null);
    assert.equal(pauseReason([{ ...read, first: 99, committed: null }], 'g-flink'), null);
    // What it has not read is gone, or young.
    assert.equal(pauseReason([{ ...read, first: 90, committed: 80 }], 'g-flink'), null);
  });
});
