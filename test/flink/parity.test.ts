/**
 * Law 12 on a real cluster: Flink counts what the oracle and the local engine count, also over the
 * loss of a TaskManager and a new deployment in the middle. All share one cluster.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { generateCommand } from '../../src/cli/generate.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { type ParityCluster, startParity, verified, verifyDisturbed } from '../support/parity.ts';
import { ROOT, temporary } from '../support/processes.ts';

const skip = withoutKafka() || withoutFlink();
const AGREE = 'local, flink and the oracle agree, 0 differences';
let cluster: ParityCluster;

before(async () => {
  if (skip === false) cluster = await startParity();
});
after(() => cluster?.stop());

test('the Open Bandit file over three partitions', { skip }, async () => {
  const csv = 'time=timestamp,product=item_id,clicked=click';
  const text = await verified(cluster, ['test/data/open-bandit/bts-men.csv', '--csv', csv]);
  assert.match(text, new RegExp(`10069 events, 9802 windows: ${AGREE}`));
});

test('events of every verdict in one partition, event by event', { skip }, async (t) => {
  const directory = temporary(t);
  const corpus = readFileSync(join(ROOT, 'test/data/decode-corpus.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from((JSON.parse(line) as { base64: string }).base64, 'base64'));
  const golden = join(directory, 'corpus.ndjson');
  writeFileSync(golden, Buffer.concat(corpus.flatMap((bytes) => [bytes, Buffer.from('\n')])));
  const made = join(directory, 'made.ndjson');
  const generator = { disorderMs: 3_000, late: 0.02, duplicates: 0.01, broken: 0.01, seed: 11 };
  // Older than the corpus, so that this is not too late.
  generateCommand({ events: 60_000, out: made, startMs: 1_600_000_000_000, generator });
  const text = await verified(cluster, [made, golden]);
  for (const verdict of ['too_late', 'duplicate', 'too_large', 'future_timestamp'])
    assert.match(text, new RegExp(verdict));
  assert.match(text, new RegExp(AGREE));
});

test('100 000 events over a killed TaskManager and a new deployment', { skip }, async (t) => {
  await verifyDisturbed(cluster, 100_000, t);
});
