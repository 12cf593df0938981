/** Each way in which an outcome can be wrong is seen, and nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { differences } from '../../src/verify/compare.ts';
import { type LogRecord, oracle } from '../../src/verify/oracle.ts';
import { exactCtr, expected, type Outcome, windowKey } from '../../src/verify/outcome.ts';
import { differenceTable, ledgerTable, summaryLine } from '../../src/verify/table.ts';
import { specifiers } from '../repository/imports.ts';

const NOW = 1_760_000_000_000;
const START = NOW - (NOW % 10_000);

function outcome(): Outcome {
  const lines = [
    { product_id: 'a', timestamp: START, event_type: 'impression' },
    { product_id: 'a', timestamp: START + 1, event_type: 'impression' },
    { product_id: 'a', timestamp: START + 2, event_type: 'click', event_id: '1' },
    { product_id: 'a', timestamp: START + 2, event_type: 'click', event_id: '1' },
    { product_id: 'b', timestamp: START - 60_000, event_type: 'click' },
    { product_id: 'b', timestamp: START + 3, event_type: 'view' },
    { product_id: 'b', timestamp: START + 3, event_type: 'click' },
  ].map((event) => JSON.stringify(event));
  const records = lines.map(
    (text, offset): LogRecord => ({ offset, arrivalMs: NOW, bytes: Buffer.from(text) }),
  );
  const numbers = { ...SETTINGS, publishFloor: null };
  return expected(oracle([{ partition: 'p-0', records }], [], numbers));
}

function altered(change: (outcome: Outcome) => void) {
  const found = { ...outcome(), engine: 'altered' };
  change(found);
  return differences(outcome(), found);
}

test('the oracle shares no code with the engine: it imports nothing', () => {
  const path = new URL('../../src/verify/oracle.ts', import.meta.url);
  assert.deepEqual(specifiers(readFileSync(path, 'utf8')), []);
});

test('what the oracle expects, worked out by hand', () => {
  const { ledger, windows, kept } = outcome();
  assert.deepEqual(Object.fromEntries(ledger), {
    received: 7,
    counted: 4,
    duplicate: 1,
    too_late: 1,
    bad_event_type: 1,
  });
  assert.deepEqual(
    [...windows.values()],
    [
      { product: 'a', startMs: START, impressions: 2, clicks: 1, ctr: 0.5 },
      { product: 'b', startMs: START, impressions: 0, clicks: 1, ctr: 0 },
    ],
  );
  assert.deepEqual(Object.fromEntries(kept), { 'p-0@4': 'too_late', 'p-0@5': 'bad_event_type' });
});

test('equal outcomes have no differences; each altered number, row and verdict is one', () => {
  assert.deepEqual(
    altered(() => {}),
    [],
  );
  const key = windowKey('a', START);
  const where = `"a" ${new Date(START).toISOString()}`;
  const wrong = { engine: 'altered', what: 'window', where } as const;
  const right = '2 impressions, 1 clicks, ctr 0.5';
  assert.deepEqual(
    altered(({ windows }) => void windows.set(key, { ...windows.get(key)!, clicks: 2 })),
    [{ ...wrong, expected: right, found: '2 impressions, 2 clicks, ctr 0.5' }],
  );
  assert.deepEqual(
    altered(({ windows }) => void windows.set(key, { ...windows.get(key)!, ctr: 0.5001 })),
    [{ ...wrong, expected: right, found: '2 impressions, 1 clicks, ctr 0.5001' }],
  );
  assert.deepEqual(
    altered(({ windows }) => void windows.delete(key)),
    [{ ...wrong, expected: right, found: '-' }],
  );
  const more = { product: 'c', startMs: START, impressions: 1, clicks: 0, ctr: 0 };
  assert.equal(
    altered(({ windows }) => void windows.set(windowKey('c', START), more))[0].expected,
    '-',
  );
  assert.deepEqual(
    altered(({ ledger }) => void ledger.delete('too_late')),
    [{ engine: 'altered', what: 'ledger', where: 'too_late', expected: '1', found: '0' }],
  );
  assert.deepEqual(
    altered(({ kept }) => void kept.set('p-0@0', 'not_json')),
    [
      {
        engine: 'altered',
        what: 'event',
        where: 'p-0@0',
        expected: 'counted or duplicate',
        found: 'not_json',
      },
    ],
  );
});

test('an engine that says no ctr is not held to one', () => {
  const found = outcome();
  for (const [key, window] of found.windows) found.windows.set(key, { ...window, ctr: null });
  assert.deepEqual(differences(outcome(), found), []);
});

test('ctr is half up at 4 decimals, on the exact fraction', () => {
  assert.equal(exactCtr(0, 3), 0);
  assert.equal(exactCtr(3, 1), 0.3333);
  assert.equal(exactCtr(20_000, 1), 0.0001);
  assert.equal(exactCtr(20_001, 1), 0);
  assert.equal(exactCtr(2, 3), 1.5);
});

test('the text names the ledger of each, the differences and their number', () => {
  const truth = outcome();
  const found = altered(({ ledger, windows }) => {
    ledger.set('counted', 3);
    windows.clear();
  });
  assert.equal(
    ledgerTable([truth]),
    '        received  counted  bad_event_type  duplicate  too_late  windows\n' +
      'oracle         7        4               1          1         1        2\n',
  );
  const itself = {
    ...truth,
    ledger: new Map(Object.entries({ received: 7, 'sum of verdicts': 7 })),
  };
  assert.equal(
    ledgerTable([itself]),
    '        received  sum of verdicts  windows\noracle         7                7        2\n',
  );
  assert.match(differenceTable(found, 2), /altered +window +"b" .*-\n… and 1 more\n$/);
  assert.equal(
    summaryLine(truth, ['local'], found),
    '7 events, 2 windows: local and the oracle differ in 2 windows, 1 ledger lines, 0 events',
  );
  assert.equal(
    summaryLine(truth, ['local'], []),
    '7 events, 2 windows: local and the oracle agree, 0 differences',
  );
});
