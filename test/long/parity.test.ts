/** Law 12 on a real cluster with a million events: undisturbed and too late ones, and disturbed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { withoutFlink } from '../support/flink-cluster.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { type ParityCluster, startParity, verified, verifyDisturbed } from '../support/parity.ts';

const skip = withoutKafka() || withoutFlink();
let cluster: ParityCluster;

before(async () => {
  if (skip === false) cluster = await startParity();
});
after(() => cluster?.stop());

test('a million events of all kinds in one partition', { skip }, async () => {
  const text = await verified(cluster, ['--generate', '1000000', '--seed', '7']);
  for (const verdict of ['too_late', 'duplicate', 'not_json'])
    assert.match(text, new RegExp(verdict));
  assert.match(text, /local, flink and the oracle agree, 0 differences/);
});

test('a million over a killed TaskManager and a new deployment', { skip }, async (t) => {
  await verifyDisturbed(cluster, 1_000_000, t);
});
