/** The record of the last deployment is a record of a topic: others may write there too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentIn } from '../../src/cli/flink-deployment.ts';

const recordOf = (text: string) => ({
  partition: 2,
  offset: 71,
  timeMs: 0,
  headers: {},
  key: Buffer.from('{"deployment":"clickrate"}'),
  value: Buffer.from(text),
});

test('a deployment that was deleted is none', () => {
  const deployment = { jobId: 'a', savepoint: null };
  assert.deepEqual(deploymentIn('ctr-progress', recordOf(JSON.stringify(deployment))), deployment);
  assert.equal(deploymentIn('ctr-progress', recordOf('')), null);
});

test('what is no deployment is refused with its place and what to do about it', () => {
  for (const text of ['{"jobId":', 'null', '7', '[]', '{}'])
    assert.throws(() => deploymentIn('ctr-progress', recordOf(text)), {
      code: 'source_damaged',
      message:
        'ctr-progress-2, offset 71, is no deployment of ours: send a record without a value ' +
        'under its key {"deployment":"clickrate"}, then deploy with --from or --start',
    });
});
