/** The comparer of benchmarks says what fell, what is missing, and nothing else. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { compare, type Floors, floorsUnder, told } from '../../bench/floors.ts';
import type { Ratio } from '../../bench/report.ts';
import { SUITES } from '../../bench/suites.ts';

const ratio = (id: string, value: number) => ({ id, what: `what ${id} is`, value });
const FLOORS: Floors = { 'a/one': 2, 'a/two': 3, 'b/one': 1 };

suite('floors of ratios', () => {
  test('a ratio at its floor holds', () => {
    const found = compare([ratio('a/one', 2), ratio('a/two', 9)], FLOORS, ['a']);
    assert.deepEqual(found, { fallen: [], unmeasured: [], unbounded: [], held: 2 });
  });

  test('one under its floor is told with both numbers', () => {
    const { fallen, held } = compare([ratio('a/one', 1.994), ratio('a/two', 3)], FLOORS, ['a']);
    assert.deepEqual(fallen, ['what a/one is: 1.99 ×, its floor is 2 ×']);
    assert.equal(held, 1);
  });

  test('no number is under every floor', () => {
    const { fallen } = compare([ratio('b/one', Number.NaN)], FLOORS, ['b']);
    assert.equal(fallen.length, 1);
  });

  test('what was asked for and not measured is told; what was not asked for is not', () => {
    const found = compare([ratio('a/one', 2)], FLOORS, ['a']);
    assert.deepEqual(found.unmeasured, ['a/two']);
    const nothing = { fallen: [], unmeasured: [], unbounded: [], held: 0 };
    assert.deepEqual(compare([], FLOORS, []), nothing);
  });

  test('a ratio without a floor is told: nobody would notice when it falls', () => {
    const found = compare([ratio('b/new', 9), ratio('b/one', 1)], FLOORS, ['b']);
    assert.deepEqual(found, { fallen: [], unmeasured: [], unbounded: ['b/new'], held: 1 });
  });

  test('the exit code is 0 only when every ratio held', () => {
    const codeOf = (ratios: Ratio[]) => told(compare(ratios, FLOORS, ['a']))[1];
    assert.equal(codeOf([ratio('a/one', 2), ratio('a/two', 3)]), 0);
    assert.equal(codeOf([ratio('a/one', 1), ratio('a/two', 3)]), 1);
    assert.equal(codeOf([ratio('a/one', 2)]), 1);
    assert.equal(codeOf([ratio('a/one', 2), ratio('a/two', 3), ratio('a/new', 3)]), 1);
  });

  test('each that did not hold is told in a line of its own', () => {
    const ratios = [ratio('a/one', 1), ratio('a/new', 3)];
    assert.deepEqual(told(compare(ratios, FLOORS, ['a'])), [
      [
        'fell: what a/one is: 1.00 ×, its floor is 2 ×',
        'not measured: a/two',
        'has no floor: a/new',
        '0 ratios held, 3 did not',
      ],
      1,
    ]);
  });

  test('floors are set under what was measured, in order; others stay as they are', () => {
    const floors = floorsUnder([ratio('b/one', 13.77), ratio('a/new', 0.3)], FLOORS);
    assert.deepEqual(Object.entries(floors), [
      ['a/new', 0.24],
      ['a/one', 2],
      ['a/two', 3],
      ['b/one', 11],
    ]);
    assert.deepEqual(compare([ratio('b/one', 13.77)], floors, ['b']).fallen, []);
  });

  test('every ratio that a suite tells by a fixed name has a floor', () => {
    const floors = JSON.parse(readFileSync('bench/floors.json', 'utf8')) as Floors;
    const told = readdirSync('bench/suites').flatMap((file) => {
      const text = readFileSync(`bench/suites/${file}`, 'utf8');
      return [...text.matchAll(/\.ratio\(\s*'([^']+)'/g)].map(([, id]) => id);
    });
    assert.ok(told.length > 5);
    const without = told.filter((id) => !Object.hasOwn(floors, id));
    assert.deepEqual(without, []);
  });

  test('the floors in use are positive numbers of suites that exist', () => {
    const floors = JSON.parse(readFileSync('bench/floors.json', 'utf8')) as Floors;
    assert.ok(Object.keys(floors).length > 0);
    for (const [id, floor] of Object.entries(floors)) {
      assert.ok(floor > 0, id);
      assert.ok(Object.hasOwn(SUITES, id.split('/')[0]), id);
    }
  });
});
