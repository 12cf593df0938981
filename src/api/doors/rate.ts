/**
 * Requests a second by client: a bucket that fills steadily and holds two seconds' worth, and at
 * least one request.
 */

const BURST_SECONDS = 2;
/** Clients remembered; one more forgets the one that has been quiet for longest. */
const CLIENTS = 10_000;

type Bucket = { tokens: number; atMs: number };

export class RateLimit {
  readonly #perSecond: number;
  readonly #clients: number;
  /** The one that came last is last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, clients = CLIENTS) {
    this.#perSecond = perSecond;
    this.#clients = clients;
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether the client may ask now; counts the request if so. */
  take(client: string, nowMs: number): boolean {
    const most = Math.max(1, this.#perSecond * BURST_SECONDS);
    const bucket = this.#buckets.get(client) ?? { tokens: most, atMs: nowMs };
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > this.#clients) {
      const [oldest] = this.#buckets.keys();
      this.#buckets.delete(oldest);
    }
    const grown = ((nowMs - bucket.atMs) / 1_000) * this.#perSecond;
    bucket.tokens = Math.min(most, bucket.tokens + grown);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}
