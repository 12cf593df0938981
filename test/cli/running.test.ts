/** What a running size says of its windows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from 'pino';
import { untilStopped } from '../../src/cli/running.ts';
import type { Change } from '../../src/stores/store.ts';

const change = (product: string, impressions: number): Change => ({
  incarnation: 'a',
  number: 1,
  windowMs: 10_000,
  removals: [],
  rows: [{ product, latest: { start: 0, impressions, clicks: 1 }, previous: null }],
});

test('a window is told once, and its figures are said to be those of its first commit', async () => {
  const lines: [unknown, string][] = [];
  const log = { info: (fields: unknown, text: string) => void lines.push([fields, text]) };
  const follow = (onChange: (change: Change) => void) => {
    onChange(change('one', 4));
    onChange(change('other', 9));
    return () => {};
  };
  const ended = { url: '', store: { follow }, finished: Promise.resolve(), stop: async () => {} };
  await untilStopped(ended, log as unknown as Logger);
  assert.deepEqual(
    lines.filter(([, text]) => text.startsWith('window')),
    [
      [
        { products: 1, impressions: 4, clicks: 1, ctr: 0.25 },
        'window 00:00:00 to 00:00:10 closed; its first commit has',
      ],
    ],
  );
});
