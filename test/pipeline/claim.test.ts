/** A claim comes before what it takes up is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;

test('what the former owner commits until the claim is taken up with it', async () => {
  const clock = new SimClock(START);
  const records = Array.from({ length: 200 }, (_, offset) => {
    const arrivalMs = START + offset * 100;
    const text = `{"product_id":"a","timestamp":${arrivalMs},"event_type":"click"}`;
    return { offset, arrivalMs, bytes: Buffer.from(text) };
  });
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new MemoryStore();
  const ownerOf = (token: string) =>
    new Pipeline({
      ...ALONE,
      store,
      clock,
      source: new SimSource({ logs, clock, random: new Random(1) }),
      newToken: () => token,
    });
  const [former, next] = [ownerOf('former'), ownerOf('next')];
  const until = async (pipeline: Pipeline, number: number) => {
    while ((await store.read('0')).number < number) {
      clock.advance(200);
      await pipeline.step();
      await new Promise(setImmediate);
    }
  };
  await former.start();
  await until(former, 3);
  const claim = store.claim.bind(store);
  store.claim = async (task, token) => {
    await until(former, 4);
    return await claim(task, token);
  };
  await next.start();
  const { status } = await store.read('0');
  assert.equal(next.health().live?.partitions[0].position, status?.partitions[0].position);
  await until(next, 6);
  assert.equal(next.health().fenced, 0);
  await next.stop();
});
