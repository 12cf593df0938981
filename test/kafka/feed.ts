/**
 * A producer of test events in real time: out of order, repeated, late and broken ones among them.
 * It never stops for a broker that is away; what came into the topics is for the oracle to read.
 */
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { Random } from '../support/random.ts';

export type FeedOptions = {
  bootstrap: string;
  impressions: string;
  clicks: string;
  /** Events a second. */
  rate: number;
  products?: number;
  seed?: number;
  /** Shares of all events. */
  late?: number;
  lateMs?: number;
  disorderMs?: number;
  repeated?: number;
  broken?: number;
  clickShare?: number;
  /** Time of events; the wall clock if left out. */
  now?: () => number;
};

const BROKEN = ['{"product_id":', 'null', '[1]', '{"timestamp":1}', '{"product_id":"p1"}', ''];
const TICK_MS = 20;

type Message = { topic: string; key?: Buffer; value: Buffer };

export class Feed {
  readonly #options: Required<FeedOptions>;
  readonly #random: Random;
  readonly #producer: Producer;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #sentIds: Message[] = [];
  #sequence = 0;
  /** Records that were acknowledged, and sends that failed. */
  sent = 0;
  failures = 0;

  constructor(options: FeedOptions) {
    this.#options = {
      products: 5,
      seed: 1,
      late: 0,
      lateMs: 8_000,
      disorderMs: 0,
      repeated: 0,
      broken: 0,
      clickShare: 0.3,
      now: Date.now,
      ...options,
    };
    this.#random = new Random(this.#options.seed);
    this.#producer = new Producer({
      clientId: 'feed',
      bootstrapBrokers: this.#options.bootstrap.split(','),
      acks: ProduceAcks.ALL,
      retries: 3,
      retryDelay: 200,
      timeout: 5_000,
    });
  }

  start(): this {
    this.#running = this.#run();
    return this;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close().catch(() => {});
  }

  /** `count` events at the present time, at once. */
  async send(count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => this.#message());
    if (messages.length === 0) return;
    try {
      await this.#producer.send({ messages });
      this.sent += messages.length;
    } catch {
      this.failures++;
    }
  }

  async #run(): Promise<void> {
    const beganMs = performance.now();
    let made = 0;
    while (!this.#isStopped) {
      const due = Math.floor(((performance.now() - beganMs) / 1_000) * this.#options.rate);
      // After an outage the backlog is not made up: real producers have lost it too.
      await this.send(Math.min(due - made, this.#options.rate));
      made = due;
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  #message(): Message {
    const { late, lateMs, disorderMs, repeated, broken, products, now } = this.#options;
    const { impressions, clicks, clickShare } = this.#options;
    const random = this.#random;
    const isClick = random.chance(clickShare);
    const topic = isClick ? clicks : impressions;
    if (random.chance(broken)) return { topic, value: Buffer.from(random.pick(BROKEN)) };
    if (this.#sentIds.length > 0 && random.chance(repeated)) return random.pick(this.#sentIds);
    let timestamp = Math.floor(now()) - random.int(0, disorderMs);
    if (random.chance(late)) timestamp -= random.int(0, lateMs);
    const product = `product${random.int(1, products)}`;
    const event = {
      product_id: product,
      timestamp,
      event_type: isClick ? 'click' : 'impression',
      ...(repeated > 0 ? { event_id: `${this.#options.seed}-${this.#sequence++}` } : {}),
    };
    const message = { topic, key: Buffer.from(product), value: Buffer.from(JSON.stringify(event)) };
    this.#sentIds.push(message);
    if (this.#sentIds.length > 500) this.#sentIds = this.#sentIds.slice(250);
    return message;
  }
}
