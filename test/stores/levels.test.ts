/** Days of a time zone, and the ladder of levels. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Calendar } from '../../src/calendar.ts';
import { LIMITS } from '../../src/config.ts';
import { due, Ladder, ladderOf } from '../../src/stores/history/levels.ts';
import type { LevelHeld } from '../../src/stores/store.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

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
    fc.assert(property, { numRuns: shareOf(100) });
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
    fc.assert(property, { numRuns: shareOf(200) });
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
    assert.deepEqual(new Ladder(7_000, 'UTC').withFormer(['1m']), ['window', '1m']);
  });

  test('of windows of another length are folded on, into days of the zone that is now', () => {
    const ladder = new Ladder(7_000, 'Asia/Kolkata');
    assert.deepEqual(
      ['1m', '15m', '1d UTC'].map((level) => ladder.parent(level)),
      ['15m', '1d Asia/Kolkata', null],
    );
  });

  test('of a store are of its windows, zone and lateness, whatever was asked before', () => {
    for (const windowMs of [10_000, 20_000])
      for (const zone of ['UTC', 'Asia/Kolkata'])
        for (const latenessMs of [0, 5_000]) {
          const ladder = ladderOf(windowMs, zone, latenessMs);
          assert.equal(ladder.revisedMs, windowMs + latenessMs);
          assert.equal(ladder.endOf('window', 0), windowMs);
          assert.equal(ladder.parent('15m'), `1d ${zone}`);
        }
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
    fc.assert(property, { numRuns: shareOf(100) });
  });
});

suite('the level that gives way', () => {
  const keep = { windowsMs: 100_000, minutesMs: 200_000, quartersMs: 300_000 };
  const atLeast = { windowsMs: 40_000, minutesMs: 50_000, quartersMs: 60_000 };
  const limits = {
    ...LIMITS,
    historyKeep: keep,
    historyKeepAtLeast: atLeast,
    historyCells: 100,
  };
  const NEWEST = 10_000_000;
  const ladderOver = (windowMs: number, latenessMs = 0) => new Ladder(windowMs, 'UTC', latenessMs);

  /** Held: cells of a level, and how much older than the newest window its oldest period is. */
  type Held = Record<string, [cells: number, ageMs: number | null]>;
  const dueOf = (held: Held, finalBefore: number | null = NEWEST, ladder = ladderOver(10_000)) =>
    due(
      ladder,
      Object.entries(held).map(([level, [cells, ageMs]]): LevelHeld => {
        return { level, cells, oldest: ageMs === null ? null : NEWEST - ageMs };
      }),
      NEWEST,
      limits,
      finalBefore,
    );

  test('is one with a period that is too old, each by its own time', () => {
    for (const [level, ms] of [
      ['window', 100_000],
      ['1m', 200_000],
      ['15m', 300_000],
    ] as const) {
      assert.equal(dueOf({ [level]: [1, ms] }), null);
      assert.equal(dueOf({ [level]: [1, ms + 1] }), level);
    }
    assert.equal(dueOf({ '1d UTC': [1, 1e12] }), null);
    assert.equal(dueOf({ window: [1, null], '1m': [1, 200_001] }), '1m');
  });

  test('is no window that may be revised, and none of those that cannot be folded too soon', () => {
    const late = ladderOver(10_000, 500_000);
    assert.equal(dueOf({ window: [101, 510_000] }, NEWEST, late), null);
    assert.equal(dueOf({ window: [1, 510_001] }, NEWEST, late), 'window');
    assert.equal(dueOf({ window: [1, 300_000] }, NEWEST, ladderOver(7_000)), null);
    assert.equal(dueOf({ window: [1, 300_001] }, NEWEST, ladderOver(7_000)), 'window');
  });

  test('is the finest where there are more cells than may be, days last', () => {
    const held: Held = { window: [51, 40_001], '1m': [49, 50_001], '15m': [0, 60_001] };
    assert.equal(dueOf(held), null);
    const full: Held = { ...held, '1d UTC': [1, 1] };
    assert.equal(dueOf(full), 'window');
    assert.equal(dueOf({ ...full, window: [51, 40_000] }), '1m');
    assert.equal(dueOf({ ...full, window: [51, 40_000], '1m': [49, 50_000] }), '15m');
    const young: Held = { window: [51, 40_000], '1m': [49, 50_000], '15m': [1, 60_000] };
    assert.equal(dueOf(young), null);
    assert.equal(dueOf({ ...young, '1d UTC': [1, 1] }), '1d UTC');
    assert.equal(
      dueOf({ ...young, '1d UTC': [1, 1], '1d Asia/Kolkata': [1, 2] }),
      '1d Asia/Kolkata',
    );
    assert.equal(dueOf({ ...young, '1d UTC': [1, 2], '1d Asia/Kolkata': [1, 1] }), '1d UTC');
  });

  test('is none for want of room while windows wait to be final, until there are far too many', () => {
    const held = (cells: number): Held => ({ window: [cells, 90_000], '1m': [1, 150_000] });
    const oldest = NEWEST - 90_000;
    assert.equal(dueOf(held(124), oldest + 1), 'window');
    for (const finalBefore of [oldest, null]) {
      assert.equal(dueOf(held(124), finalBefore), null);
      assert.equal(dueOf(held(125), finalBefore), 'window');
    }
    // Of what is too old each gives way all the same.
    assert.equal(dueOf({ window: [1, 90_000], '1m': [1, 200_001] }, oldest), '1m');
  });
});
