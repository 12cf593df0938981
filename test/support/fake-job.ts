/** What a Flink job writes, at the word of a test: results, progress, uncounted events. */

import { OPTIONS } from '../../src/config.ts';
import { HEADERS } from '../../src/sources/kafka/rejected.ts';
import { type Outgoing, Sender } from '../../src/sources/kafka/sender.ts';

export type FakeTopics = { results: string; rejected: string; progress: string };
export type Told = { product: string; start: number; impressions: number; clicks: number };

/** ISO 8601 as Flink writes it: a fraction only where there is one. */
export function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

export class FakeJob {
  readonly #sender: Sender;
  readonly #topics: FakeTopics;
  readonly #windowMs: number;
  /** The largest counts of each window that was told. */
  readonly told = new Map<string, Told>();
  #rejected = 0;

  constructor(bootstrap: string, topics: FakeTopics, windowMs: number) {
    this.#sender = new Sender({ ...OPTIONS, brokers: bootstrap, clientId: 'fake-job' });
    this.#topics = topics;
    this.#windowMs = windowMs;
  }

  /** Writes results as upserts; `tombstones` go before them, as the job may send them. */
  async results(told: readonly Told[], { tombstones = false } = {}): Promise<void> {
    const records: Outgoing[] = [];
    for (const one of told) {
      const { product, start, impressions, clicks } = one;
      const id = { product_id: product, window_start: iso(start) };
      const key = Buffer.from(JSON.stringify(id));
      const value = { ...id, window_end: iso(start + this.#windowMs), impressions, clicks };
      const to = { topic: this.#topics.results, key };
      if (tombstones) records.push({ ...to, value: Buffer.alloc(0) });
      records.push({ ...to, value: Buffer.from(JSON.stringify(value)) });
      const known = this.told.get(`${product} ${start}`);
      const isMore = known === undefined || impressions + clicks > known.impressions + known.clicks;
      if (isMore) this.told.set(`${product} ${start}`, one);
    }
    await this.#sender.send(records);
  }

  async progress(partition: number, watermark: number | null): Promise<void> {
    const at = iso(Date.now());
    const value = { partition, watermark: watermark === null ? null : iso(watermark), at };
    await this.#sender.send([
      {
        topic: this.#topics.progress,
        key: Buffer.from(JSON.stringify({ partition })),
        value: Buffer.from(JSON.stringify({ ...value, heartbeat: Date.now() })),
      },
    ]);
  }

  /** An event that was not counted; an offset given again is a repeat. */
  async rejected(reason: string, offset = this.#rejected++): Promise<void> {
    const headers = {
      [HEADERS.reason]: reason,
      [HEADERS.message]: 'said so',
      [HEADERS.topic]: 'clicks',
      [HEADERS.partition]: '0',
      [HEADERS.offset]: String(offset),
      [HEADERS.arrival]: '1',
    };
    const value = Buffer.from('{"bad":1}');
    await this.#sender.send([{ topic: this.#topics.rejected, key: null, value, headers }]);
  }

  /** Events in all windows told. */
  get events(): number {
    return [...this.told.values()].reduce((sum, one) => sum + one.impressions + one.clicks, 0);
  }

  async close(): Promise<void> {
    await this.#sender.close();
  }
}
