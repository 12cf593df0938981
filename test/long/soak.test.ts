/**
 * Ten minutes (`CLICKRATE_SOAK_MINUTES`) at 20 000 events a second (`CLICKRATE_SOAK_RATE`) with
 * 1 000 stream readers and a fault a minute: nothing is lost, memory stays flat, readiness is true.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { type Held, slopeAMinute } from './held.ts';
import { soak } from './soak.ts';

const skip = withoutKafka() || withoutRedis();
const MINUTES = Number(process.env.CLICKRATE_SOAK_MINUTES ?? 10);
const RATE = Number(process.env.CLICKRATE_SOAK_RATE ?? 20_000);
/** Until then ids, code, connections and the stream's changes are becoming what they will be. */
const WARM_UP_MS = 180_000;
/** Enough for what all of them may take; a shorter run has no slope to speak of. */
const RESIDENT_MB = 450;
/** What a user has who says nothing. */
const { windowMs, watermarkDelayMs, allowedLatenessMs, idleAfterMs, idMemoryMs } = SETTINGS;
const PRODUCTION = { windowMs, watermarkDelayMs, allowedLatenessMs, idleAfterMs, idMemoryMs };
const HEAP_MB_A_MINUTE = 1;
const RESIDENT_MB_A_MINUTE = 5;

let cluster: KafkaTestCluster;

before(async () => {
  if (skip === false) cluster = await startKafka({ brokers: 3 });
});
after(() => cluster?.stop());

test(`${MINUTES} minutes with a fault a minute lose nothing`, { skip }, async (t) => {
  const seed = Number(process.env.CLICKRATE_SEED ?? Date.now() % 1e6);
  const faults = Math.max(1, Math.round(MINUTES));
  const report = await soak(t, cluster, {
    minutes: MINUTES,
    rate: RATE,
    readers: 1_000,
    seed,
    faults,
    products: 50,
    settings: PRODUCTION,
  });
  const { events, perSecond, probes, heard, before: first, after: last } = report;
  t.diagnostic(`${events} events, ${perSecond} a second of the ${RATE} asked for`);
  t.diagnostic(`readers heard ${heard} changes`);
  t.diagnostic(
    `of ${probes.asked} times readiness was asked, it said no ${probes.unready} times, and ` +
      `nothing in two seconds ${probes.silent} times`,
  );
  const isLong = MINUTES * 60_000 >= WARM_UP_MS * 2;
  const warm = report.held.filter(
    ({ atMs }) => !isLong || atMs - report.held[0].atMs >= WARM_UP_MS,
  );
  const slope = (name: keyof Held) => slopeAMinute(warm, (held) => held[name]);
  for (const name of ['heapMb', 'buffersMb', 'residentMb'] as const) {
    const figures = [first, warm[0], warm.at(-1)!, last].map((held) => held[name].toFixed(1));
    t.diagnostic(`${name}: ${slope(name).toFixed(2)} a minute; ${figures.join(' → ')}`);
  }
  t.diagnostic(`files ${first.files} → ${last.files}, timers ${first.timers} → ${last.timers}`);
  for (const { residentMb } of report.held) assert.ok(residentMb < RESIDENT_MB, `${residentMb} MB`);
  if (!isLong) return;
  assert.ok(slope('heapMb') < HEAP_MB_A_MINUTE, 'the heap grows');
  assert.ok(slope('residentMb') < RESIDENT_MB_A_MINUTE, 'resident memory grows');
});
