/** Long work in steps, which hears a signal between two of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unlessAborted } from '../../src/cli/steps.ts';
import { settingsWith } from '../../src/config.ts';
import { oracleSteps } from '../../src/verify/oracle.ts';

const NEVER = new AbortController().signal;

test('the oracle hears a signal while it counts', async () => {
  const bytes = Buffer.from('{"product_id":"p","timestamp":1,"event_type":"click"}');
  const records = Array.from({ length: 20_000 }, (_, offset) => ({ offset, arrivalMs: 1, bytes }));
  const steps = () =>
    oracleSteps([{ partition: 'p-0', records }], [], { ...settingsWith({}), publishFloor: null });
  assert.equal((await unlessAborted(steps(), NEVER))?.totals.get('counted'), 20_000);
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  assert.equal(await unlessAborted(steps(), abort.signal), null);
});

test('what the steps hold open is closed where a signal ends them', async () => {
  const seen: string[] = [];
  function* steps(): Generator<void, string> {
    try {
      seen.push('open');
      yield;
      return 'end';
    } finally {
      seen.push('closed');
    }
  }
  assert.equal(await unlessAborted(steps(), NEVER), 'end');
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  assert.equal(await unlessAborted(steps(), abort.signal), null);
  assert.deepEqual(seen, ['open', 'closed', 'open', 'closed']);
});
