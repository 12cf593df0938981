/** A shop's made-up traffic: names, rates and counts that look like some and show the edges. */
import type { Counts } from '../../src/result.ts';
import type { Status } from '../../src/status.ts';
import type { Row } from '../../src/stores/store.ts';
import { counts, keptEvent, ledgerOf, row, statusOf } from '../api/fake-reader.ts';
import { Random } from '../support/random.ts';

export const WINDOW_MS = 10_000;

const THINGS = ['espresso-machine', 'trail-shoes', 'desk-lamp', 'rain-jacket', 'headphones'];
const KINDS = ['classic', 'pro', 'mini', 'x200', 'blue', 'gift-set', 'outlet', 'kids'];

/** Names without repeat. */
function productNames(n: number): string[] {
  return Array.from({ length: n }, (_, i) => {
    const kind = KINDS[Math.floor(i / THINGS.length) % KINDS.length];
    const round = Math.floor(i / (THINGS.length * KINDS.length));
    return `${THINGS[i % THINGS.length]}-${kind}${round === 0 ? '' : `-${round + 1}`}`;
  });
}

export class Shop {
  readonly names: string[];
  readonly #random = new Random(7);
  readonly #base: number[];
  readonly #volume: number[];

  constructor(products: number) {
    this.names = productNames(products);
    this.#base = this.names.map(() => 0.04 + 0.3 * this.#random.fraction() ** 2);
    this.#volume = this.names.map(() => this.#random.int(500, 2_500));
  }

  /** Counts of product `i` in the window that starts at `start`. */
  countsOf(i: number, start: number): Counts {
    const wave = 1 + 0.12 * Math.sin(start / 500_000 + i) + 0.02 * this.#random.fraction();
    const impressions = Math.round(this.#volume[i]! * (0.9 + 0.2 * this.#random.fraction()));
    const noise = (this.#random.fraction() - 0.5) * 2 * Math.sqrt(impressions * this.#base[i]!);
    const clicks = Math.round(impressions * this.#base[i]! * wave + noise);
    return counts(start, impressions, Math.max(0, Math.min(impressions, clicks)));
  }

  /** A row whose newest window starts at `start`; some really changed. */
  rowOf(i: number, start: number, was: Counts | null): Row {
    const latest = this.countsOf(i, start);
    const turn = (i + start / WINDOW_MS) % 6;
    if (turn < 2) latest.clicks = Math.round(latest.clicks * (turn === 0 ? 1.25 : 0.8));
    return row(this.names[i]!, latest, was ?? this.countsOf(i, start - WINDOW_MS));
  }

  past(i: number, newest: number, windows: number): Counts[] {
    return Array.from({ length: windows }, (_, n) =>
      this.countsOf(i, newest - (windows - 1 - n) * WINDOW_MS),
    );
  }
}

/** What a table must bear: nothing, everything, a ten-thousandth, a long name, few, too many. */
export function edgeRows(start: number): Row[] {
  const before = start - WINDOW_MS;
  return [
    row('winter-sale-landing-page-teaser-variant-b', counts(start, 1_204, 171)),
    row('clicks-without-impressions', counts(start, 0, 3)),
    row('always-clicked', counts(start, 842, 842), counts(before, 840, 840)),
    row('one-in-ten-thousand', counts(start, 30_000, 3), counts(before, 29_000, 2)),
    row('brand-new', counts(start, 12, 5)),
    row('lost-impressions', counts(start, 300, 345), counts(before, 310, 200)),
    row('slept-a-while', counts(start - 60_000, 640, 64), counts(start - 70_000, 650, 70)),
  ];
}

const BEGAN_MS = Date.now();

/** Two partitions of one task; `held`: the second one keeps time back. It grows with time. */
export function shopStatus(newest: number, held: boolean): Status {
  const nowMs = Date.now();
  const counted = 1_279_240 + Math.round((nowMs - BEGAN_MS) * 3.6);
  const verdicts = { counted, duplicate: 3_871, too_late: 642, not_json: 213 };
  const rest = { missing_product_id: 87, timestamp_unit: 48, future_timestamp: 11 };
  const received = counted + 3_871 + 642 + 213 + 87 + 48 + 11;
  const partition = (name: string, behindMs: number, position: number) => ({
    name,
    topicId: 'a',
    position,
    idle: false,
    maxTs: nowMs - behindMs,
    watermark: nowMs - behindMs - 3_000,
  });
  const behindMs = held ? 24_200 : 310;
  const clicks = Math.round(received * 0.18);
  return {
    ...statusOf(ledgerOf({ ...verdicts, ...rest }, received)),
    partitions: [
      partition('impressions-0', 120, received - clicks),
      partition('clicks-0', behindMs, clicks),
    ],
    watermark: nowMs - 3_000 - behindMs,
    finalBefore: newest,
  };
}

const REJECTED: [string, string][] = [
  ['not_json', '{"product_id":"desk-lamp-pro","timestamp":1760000000000,'],
  ['not_json', '<script>alert(document.cookie)</script>\u0000\u202e'],
  ['missing_product_id', '{"timestamp":1760000000000,"event_type":"click"}'],
  ['timestamp_unit', '{"product_id":"trail-shoes","timestamp":1760000000,"event_type":"click"}'],
  ['too_late', '{"product_id":"headphones","timestamp":1759990000000,"event_type":"impression"}'],
];

export function rejectedEvents(arrivalMs: number) {
  return REJECTED.map(([reason, text], i) => ({
    ...keptEvent(i + 1, text),
    reason: reason as 'not_json',
    arrivalMs: arrivalMs + i * 1_000,
    message: `it is ${reason.replaceAll('_', ' ')}`,
    partition: 'clicks-0',
  }));
}
