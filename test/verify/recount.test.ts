/** A store that cannot list the products of its history, as Redis, held against its log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsWith } from '../../src/config.ts';
import type { Counts } from '../../src/result.ts';
import type { Status } from '../../src/status.ts';
import { recount } from '../../src/verify/store.ts';

test('the history of a product that expired is asked for too', async () => {
  const settings = settingsWith({ windowMs: 10_000 });
  const later = settings.expiryMs + 600_000;
  const logged = ['gone', 'here', 'end'].map((product, offset) => {
    const ts = offset * later;
    const text = JSON.stringify({ product_id: product, timestamp: ts, event_type: 'impression' });
    return { offset, arrivalMs: ts, bytes: Buffer.from(text) };
  });
  const one = (start: number): Counts => ({ start, impressions: 1, clicks: 0 });
  const history = new Map([
    ['gone', [one(0)]],
    ['here', [one(later)]],
  ]);
  const status = {
    settings,
    watermark: later + 20_000,
    publishFloor: null,
    comebacks: [],
    partitions: [{ name: 'topic-0', position: 3 }],
    ledger: { received: 3, verdicts: { counted: 3 }, since: { 'topic-0': 0 }, missed: 0 },
  } as unknown as Status;
  const view = {
    statuses: new Map([['0', status]]),
    comebacks: [],
    oldest: 0,
    rows: [{ product: 'here', latest: one(later), previous: null }],
    async *histories(products: ReadonlySet<string>) {
      for (const product of products) yield { product, windows: history.get(product) ?? [] };
    },
  };
  const log = { partition: 'topic-0', records: logged, begin: 0 };
  assert.deepEqual((await recount(view, [log])).differences, []);
  history.delete('gone');
  const lost = await recount(view, [log]);
  assert.deepEqual(
    lost.differences.map(({ where, found }) => [where, found]),
    [['"gone" 1970-01-01T00:00:00.000Z', '-']],
  );
});
