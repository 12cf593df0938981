/** Times as Flink writes them, read. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseFlinkTime } from '../../src/flink/iso-time.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

/** As Java writes it: years of four digits, longer ones with a sign; only the digits it needs. */
function javaText(ms: number): string {
  const [, sign, year, rest] = /^([+-]?)0*(\d{4,})(-.*)$/.exec(new Date(ms).toISOString())!;
  const shown = sign === '+' && year.length === 4 ? '' : sign;
  return `${shown}${year}${rest.replace(/\.?0*Z$/, 'Z').replace(/:Z$/, ':00Z')}`;
}

suite('a time of Flink', () => {
  test('is read whatever its year', () => {
    const known: [string, number][] = [
      ['1970-01-01T00:00:00Z', 0],
      ['1970-01-01T00:00Z', 0],
      ['2026-11-23T22:10:00.5Z', Date.UTC(2026, 10, 23, 22, 10, 0, 500)],
      ['2026-11-23T22:10:00.123456789Z', Date.UTC(2026, 10, 23, 22, 10, 0, 123)],
      ['1969-12-31T23:59:59.999Z', -1],
      ['-4368-02-29T12:00:00Z', Date.parse('-004368-02-29T12:00:00Z')],
      ['-0001-12-31T23:59:50Z', Date.parse('-000001-12-31T23:59:50Z')],
      ['0000-01-01T00:00:00Z', Date.parse('0000-01-01T00:00:00Z')],
      ['+12026-03-01T00:00:00Z', Date.parse('+012026-03-01T00:00:00Z')],
      ['+275760-09-13T00:00:00Z', 8_640_000_000_000_000],
      // A day further than what a Date can hold, on either side.
      ['+275760-09-14T00:00:00Z', 8_640_000_086_400_000],
      ['-271821-04-19T00:00:00Z', -8_640_000_086_400_000],
      ['+287396-10-12T08:59:00.991Z', Number.MAX_SAFE_INTEGER],
      ['-283457-03-21T15:00:59.009Z', Number.MIN_SAFE_INTEGER],
    ];
    for (const [text, ms] of known) assert.equal(parseFlinkTime(text), ms, text);
  });

  test('that is none is NaN', () => {
    const wrong = ['', 'x', '2026-11-23', '2026-11-23T22:10:00', '2026-13-01T00:00:00Z', 7, null];
    const days = ['2026-02-29T00:00:00Z', '2026-04-31T00:00:00Z', '2026-01-00T00:00:00Z'];
    const more = ['2026-01-01T24:00:00Z', '2026-01-01T00:60:00Z', '2026-01-01T00:00:60Z'];
    // A millisecond more than what an integer tells exactly, on either side; and a list of one.
    const far = ['+287396-10-12T08:59:00.992Z', '-283457-03-21T15:00:59.008Z'];
    const others = ['+999999-01-01T00:00:00Z', ['2026-01-01T00:00:00Z'], undefined];
    for (const text of [...wrong, ...days, ...more, ...far, ...others])
      assert.equal(parseFlinkTime(text), Number.NaN, String(text));
  });

  test('agrees with Date, wherever that goes', () => {
    const far = 8_640_000_000_000_000;
    const near = Date.UTC(2030, 0);
    const ms = fc.oneof(
      fc.integer({ min: -far, max: far }),
      fc.integer({ min: -near, max: near }),
      fc.integer({ min: -far / 1_000, max: far / 1_000 }).map((seconds) => seconds * 1_000),
    );
    fc.assert(
      fc.property(ms, (at) => {
        assert.equal(parseFlinkTime(javaText(at)), at);
      }),
      { numRuns: shareOf(5_000) },
    );
  });
});
