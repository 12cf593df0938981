/** Options of the generator are checked where options are, before anything is made. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateCommand } from '../../src/cli/generate.ts';
import { configure } from '../../src/cli/options.ts';
import { temporary } from '../support/processes.ts';

test('a rate, products or seed that make no traffic are refused, wherever they stand', () => {
  for (const [name, value] of [
    ['rate', '0'],
    ['rate', '-5'],
    ['products', '0'],
    ['products', '2.5'],
    ['products', '1000001'],
    ['seed', '0.5'],
  ]) {
    const message = new RegExp(`^${name} must be .*, not ${value}$`);
    const wrong = { code: 'config_invalid', message };
    assert.throws(() => configure({ [name]: value }, {}, undefined), wrong);
    const variable = `CLICKRATE_${name.toUpperCase()}`;
    assert.throws(() => configure({}, { [variable]: value }, undefined), wrong);
  }
  const { options } = configure({ rate: '0.5', products: '1000000' }, {}, undefined);
  assert.deepEqual([options.rate, options.products], [0.5, 1_000_000]);
});

test('generate refuses what it cannot write before it makes a file', (t) => {
  const out = join(temporary(t), 'out');
  const valid = { events: 10, out, startMs: 0, generator: {} };
  for (const wrong of [
    { ...valid, events: 1.5 },
    { ...valid, startMs: 0.5 },
    { ...valid, generator: { rate: 0 } },
    { ...valid, generator: { products: 0 } },
    { ...valid, generator: { late: 2 } },
  ])
    assert.throws(() => generateCommand(wrong), { code: 'config_invalid', message: /must be/ });
  assert.equal(existsSync(out), false);
  assert.equal(generateCommand({ ...valid, events: 0 }).records, 0);
});
