/** Calls that fail for now: how long is waited before each next try, and what ends them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Health } from '../../src/pipeline/health.ts';
import { PatientReading } from '../../src/pipeline/reading.ts';
import { type Retry, withRetry } from '../../src/pipeline/retry.ts';

const limits = { ...LIMITS, retryMinMs: 100, retryMaxMs: 1_000 };
/** What seven failures in a row wait for. */
const WAITS_MS = [100, 200, 400, 800, 1_000, 1_000, 1_000];
const passing = () => new ClickrateError('store_unavailable', 'no answer');

function setUp() {
  const waitsMs: number[] = [];
  const states: (string | null)[] = [];
  const abort = new AbortController();
  const clock: Clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    after: () => () => {},
    sleep: async (ms) => void waitsMs.push(ms),
  };
  const onState = (reason: string | null) => void states.push(reason);
  const { signal } = abort;
  const retry: Retry = { task: '7', clock, limits, log: silentLog, signal, onState };
  /** Fails so often, then answers. */
  const failing = (times: number) => async () => {
    if (times-- > 0) throw passing();
    return [];
  };
  return { waitsMs, states, abort, clock, retry, failing };
}

test('a call is made again after waits that grow up to a limit, and each time is told', async () => {
  const { waitsMs, states, retry, failing } = setUp();
  await withRetry('the call', retry, failing(WAITS_MS.length));
  assert.deepEqual(waitsMs, WAITS_MS);
  const told = WAITS_MS.map(() => 'the call fails: no answer');
  assert.deepEqual(states, [...told, null]);
  // The next one begins anew, and one that goes through at once says nothing.
  await withRetry('the call', retry, failing(1));
  await withRetry('the call', retry, failing(0));
  assert.deepEqual(waitsMs, [...WAITS_MS, 100]);
  assert.equal(states.length, WAITS_MS.length + 3);
});

test('the log has the first failures, ever fewer of those behind, and another reason', async () => {
  const { retry } = setUp();
  const logged: number[] = [];
  const warn = ({ task, failures }: { task: string; failures: number }) => {
    assert.equal(task, '7');
    logged.push(failures);
  };
  const log = { ...silentLog, warn };
  let tries = 0;
  await withRetry('the call', { ...retry, log: log as never }, async () => {
    tries++;
    if (tries > 5_000) return;
    throw tries === 700 ? new ClickrateError('store_unavailable', 'refused') : passing();
  });
  const powers = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096];
  assert.deepEqual(
    logged,
    [...powers, 700, 701].sort((a, b) => a - b),
  );
});

test('an error that cannot pass ends it at once, a stop after the try under way', async () => {
  const { waitsMs, abort, retry } = setUp();
  const final = new ClickrateError('config_invalid', 'no');
  await assert.rejects(
    withRetry('the call', retry, () => Promise.reject(final)),
    final,
  );
  const stopped = () => {
    abort.abort();
    return Promise.reject(passing());
  };
  await assert.rejects(withRetry('the call', retry, stopped), { code: 'stopping' });
  assert.deepEqual(waitsMs, []);
});

test('a source that fails is read again after such waits, and good news end them', async () => {
  const { waitsMs, clock, abort, failing } = setUp();
  const health = new Health('0');
  const reading = new PatientReading({ clock, limits, health, signal: abort.signal });
  const read = failing(WAITS_MS.length);
  for (const _ of WAITS_MS) {
    assert.deepEqual(await reading.fetch(read), []);
    assert.equal(health.state, 'retrying');
  }
  await reading.fetch(read);
  assert.equal(health.state, 'running');
  await reading.fetch(failing(1));
  assert.deepEqual(waitsMs, [...WAITS_MS, 100]);
});
