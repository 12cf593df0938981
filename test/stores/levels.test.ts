/** Days of a time zone, and the ladder of levels. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Calendar } from '../../src/calendar.ts';
import { Ladder } from '../../src/stores/history/levels.ts';

const HOUR_MS = 3_600_000;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe'];

suite('days of a time zone', () => {
  test('have 23 and 25 hours where clocks change', () => {
    const lengthOf = (zone: string, noon: string) => {
      const calendar = new Calendar(zone);
      const ms = Date.parse(noon);
      return (calendar.nextDayStart(ms) - calendar.dayStart(ms)) / HOUR_MS;
    };
    assert.equal(lengthOf('Europe/Berlin', '2026-03-29T12:00:00Z'), 23);
    assert.equal(lengthOf('Europe/Berlin', '2026-10-25T12:00:00Z'), 25);
    assert.equal(lengthOf('Europe/Berlin', '2026-07-01T12:00:00Z'), 24);
    assert.equal(lengthOf('America/New_York', '2026-03-08T18:00:00Z'), 23);
    assert.equal(lengthOf('America/New_York', '2026-11-01T18:00:00Z'), 25);
    assert.equal(lengthOf('Australia/Lord_Howe', '2026-04-05T02:00:00Z'), 24.5);
  });

  test('begin at midnight there, also where it is a quarter past the hour elsewhere', () => {
    const start = (zone: string, at: string) =>
      new Date(new Calendar(zone).dayStart(Date.parse(at))).toISOString();
    assert.equal(start('Europe/Berlin', '2026-03-29T12:00:00Z'), '2026-03-28T23:00:00.000Z');
    assert.equal(start('Asia/Kathmandu', '2026-01-02T00:00:00Z'), '2026-01-01T18:15:00.000Z');
    // Clocks there go forward at midnight: the day begins at one.
    assert.equal(start('Asia/Beirut', '2026-03-29T12:00:00Z'), '2026-03-28T22:00:00.000Z');
  });

  test('cover all time, each instant once', () => {
    const property = fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: Date.UTC(1980, 0), max: Date.UTC(2040, 0) }),
      (zone, ms) => {
        const calendar = new Calendar(zone);
        const [start, end] = [calendar.dayStart(ms), calendar.nextDayStart(ms)];
        assert.ok(start <= ms && ms < end);
        assert.ok(end - start >= 23 * HOUR_MS && end - start <= 25 * HOUR_MS);
        assert.equal(calendar.dayStart(end), end);
        assert.equal(calendar.dayStart(start), start);
        assert.equal(calendar.dayStart(end - 1), start);
      },
    );
    fc.assert(property, { numRuns: 100 });
  });

  const FIRST_MS = Date.UTC(1973, 0);
  test('go on as those of UTC before 1973 and behind the year 9999', () => {
    const least = -(2 ** 53);
    const property = fc.property(
      fc.constantFrom(...ZONES),
      fc.oneof(
        fc.integer({ min: least, max: FIRST_MS + 48 * HOUR_MS }),
        fc.integer({
          min: FIRST_MS - 48 * HOUR_MS,
          max: FIRST_MS + 48 * HOUR_MS,
        }),
        fc.integer({ min: 253_402_300_800_000 - 48 * HOUR_MS, max: -least - 48 * HOUR_MS }),
      ),
      (zone, ms) => {
        const calendar = new Calendar(zone);
        const [start, end] = [calendar.dayStart(ms), calendar.nextDayStart(ms)];
        assert.ok(start <= ms && ms < end);
        assert.ok(end - start <= 25 * HOUR_MS);
        assert.equal(new Calendar(zone).dayStart(end), end);
        assert.equal(new Calendar(zone).dayStart(end - 1), start);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  test('a zone that does not exist is refused by name', () => {
    assert.throws(() => new Calendar('Mars/Olympus'), {
      code: 'config_invalid',
      message: /Mars\/Olympus/,
    });
  });
});

suite('levels of history', () => {
  test('are those that windows add up to', () => {
    const levels = (windowMs: number) => new Ladder(windowMs, 'UTC').levels;
    assert.deepEqual(levels(10_000), ['window', '1m', '15m', '1d UTC']);
    assert.deepEqual(levels(60_000), ['window', '15m', '1d UTC']);
    assert.deepEqual(levels(900_000), ['window', '1d UTC']);
    assert.deepEqual(levels(3_600_000), ['window']);
    assert.deepEqual(levels(7_000), ['window']);
  });

  test('are told finest first, also those of windows of another length', () => {
    const held = ['1d Europe/Rome', '15m', '1d Asia/Kolkata', 'window', '1m'];
    for (const windowMs of [7_000, 10_000, 60_000, 900_000])
      assert.deepEqual(new Ladder(windowMs, 'Asia/Kolkata').withFormer(held), [
        'window',
        '1m',
        '15m',
        '1d Asia/Kolkata',
        '1d Europe/Rome',
      ]);
  });

  test('a period lies in one of the next level', () => {
    const times = fc.integer({ min: Date.UTC(1920, 0), max: Date.UTC(2030, 0) });
    const property = fc.property(fc.constantFrom(...ZONES), times, (zone, ms) => {
      const ladder = new Ladder(10_000, zone);
      for (const level of ladder.levels) {
        const start = ladder.periodOf(level, ms);
        const end = ladder.endOf(level, start);
        assert.ok(start <= ms && ms < end, level);
        const parent = ladder.parent(level);
        if (parent === null) continue;
        assert.equal(ladder.periodOf(parent, start), ladder.periodOf(parent, end - 1), level);
      }
    });
    fc.assert(property, { numRuns: 100 });
  });
});
