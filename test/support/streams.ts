/**
 * Random streams: the logs of one task with everything that can go wrong in them. A stream is a
 * function of its seed alone.
 */
import type { Settings } from '../../src/config.ts';
import { settingsWith } from '../../src/config.ts';
import { broken, brokenReasons, type PlainEvent, spell } from './event-text.ts';
import { Random } from './random.ts';
import type { Outage, SimLog, SimRecord } from './sim-source.ts';

export type Stream = {
  seed: number;
  settings: Settings;
  logs: SimLog[];
  /** Brokers' time at which the first record may arrive, and after the last one has. */
  startMs: number;
  endMs: number;
  floorMs: (number | null)[];
  outages: Outage[];
};

/** Arrival times are near this instant; event times may be anywhere. */
const AROUND_MS = 1_760_000_000_000;

type World = {
  random: Random;
  settings: Settings;
  startMs: number;
  /** Event time minus arrival time where a stream begins. */
  shiftMs: number;
  /** Event time that passes in a millisecond of arrival. */
  speed: number;
  products: (string | number)[];
  /** Stretches in which nothing arrives on any partition. */
  silences: { fromMs: number; toMs: number }[];
  /** Shares of what may be wrong with an event. */
  disorder: number;
  /** Share of events in the usual spelling. */
  plain: number;
  duplicates: number;
  late: number;
  junk: number;
  jumps: number;
};

export function stream(seed: number): Stream {
  const random = new Random(seed);
  const settings = drawSettings(random);
  const startMs = AROUND_MS + random.int(0, 100_000);
  const world = drawWorld(random, settings, startMs);
  const count = random.chance(0.3) ? 1 : 2;
  const logs: SimLog[] = [];
  for (let p = 0; p < count; p++) logs.push(new LogWriter(world, p).write());
  const endMs = Math.max(startMs, ...logs.map((log) => log.records.at(-1)?.arrivalMs ?? 0));
  const floored = random.chance(0.15);
  const floorMs = logs.map(() => (floored ? drawFloor(world, endMs) : null));
  const outages: Outage[] = [];
  while (random.chance(0.2)) {
    const fromMs = random.int(startMs, endMs);
    outages.push({
      partition: random.int(0, count - 1),
      fromMs,
      toMs: fromMs + random.int(1, 9e3),
    });
  }
  return { seed, settings, logs, startMs, endMs, floorMs, outages };
}

/** The logs of one task of several: `events` of them, its own products, settings in common. */
export function taskLogs(
  random: Random,
  { settings, startMs, task, events }: TaskStream,
): SimLog[] {
  const world = drawWorld(random, settings, startMs);
  const products = world.products.map((product) => (task === 0 ? product : `${product}@${task}`));
  const share = random.pick([0.5, 0.8]);
  return [share, 1 - share].map((part, p) =>
    new LogWriter({ ...world, products, plain: 0.97 }, p, task).fill(Math.round(events * part)),
  );
}

export type TaskStream = { settings: Settings; startMs: number; task: number; events: number };

export function drawSettings(random: Random): Settings {
  if (random.chance(0.5)) return settingsWith({});
  const allowedLatenessMs = random.pick([0, 500, 5_000, 20_000]);
  const idMemoryMs = allowedLatenessMs + random.pick([0, 2_000, 60_000]);
  return settingsWith({
    windowMs: random.pick([100, 1_000, 7_000, 10_000, 60_000]),
    watermarkDelayMs: random.pick([0, 1_000, 3_000]),
    allowedLatenessMs,
    idleAfterMs: random.pick([200, 1_000, 3_000]),
    driftMs: random.pick([5_000, 60_000]),
    idMemoryMs,
    expiryMs: random.pick([idMemoryMs + 30_000, 3_600_000]),
  });
}

function drawWorld(random: Random, settings: Settings, startMs: number): World {
  const shiftMs = random.pick([
    0,
    random.int(-20_000, 5_000),
    -3_600_000,
    -random.int(1, 1e12),
    // Event times around zero, and far below it.
    random.int(-60_000, 10_000) - startMs,
    -random.int(2 * AROUND_MS, 1e14),
  ]);
  const silences = [];
  for (let at = startMs; random.chance(0.5); ) {
    const fromMs = at + random.int(0, 20_000);
    at = fromMs + random.int(500, 40_000);
    silences.push({ fromMs, toMs: at });
  }
  const share = (of: number) => (random.chance(0.5) ? random.fraction() * of : 0);
  return {
    random,
    settings,
    startMs,
    shiftMs,
    speed: shiftMs < 0 ? random.pick([1, 1, 10, 100]) : 1,
    products: drawProducts(random),
    silences,
    disorder: share(1),
    plain: 0.7,
    duplicates: share(0.5),
    late: share(0.2),
    junk: share(0.3),
    jumps: shiftMs < 0 ? share(0.05) : 0,
  };
}

function drawProducts(random: Random): (string | number)[] {
  const odd = ['latest', '__proto__', '5', 5, -7, ' ', 'ü€😀', 'a"\\b', '\u0000', 'x'.repeat(256)];
  const products: (string | number)[] = [];
  const count = random.pick([1, 2, 5, 40]);
  while (products.length < count)
    products.push(random.chance(0.2) ? random.pick(odd) : `product_${products.length}`);
  return products;
}

function drawFloor(world: World, endMs: number): number | null {
  const { random, startMs, shiftMs, speed } = world;
  if (random.chance(0.2)) return null;
  return startMs + shiftMs + random.int(0, endMs - startMs) * speed;
}

/** Writes one log, phase after phase. */
class LogWriter {
  #world: World;
  #random: Random;
  #partition: number;
  #task: number;
  #records: SimRecord[] = [];
  #events: PlainEvent[] = [];
  #arrivalMs: number;
  #offset: number;
  #jumpedMs = 0;
  #maxTs: number;

  constructor(world: World, partition: number, task = 0) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#partition = partition;
    this.#task = task;
    this.#arrivalMs = world.startMs + this.#random.int(0, 500);
    this.#offset = this.#random.chance(0.8) ? 0 : this.#random.int(1, 1e9);
    this.#maxTs = world.startMs + world.shiftMs;
  }

  write(): SimLog {
    const random = this.#random;
    const phases = random.int(random.chance(0.1) ? 0 : 1, 6);
    for (let i = 0; i < phases; i++) {
      const kind = random.fraction();
      if (kind < 0.55) this.#busy(random.int(1, 60), random.pick([0, 5, 50, 400]));
      else if (kind < 0.65) this.#busy(random.int(1, 8), 4_000);
      else if (kind < 0.8) this.#arrivalMs += random.int(800, 20_000);
      else this.#junkOnly(random.int(1, 15), random.pick([0, 300, 2_000]));
    }
    return this.#log();
  }

  /** Goes on, dense and with few pauses, until there are so many records. */
  fill(events: number): SimLog {
    const random = this.#random;
    while (this.#records.length < events) {
      const kind = random.fraction();
      const count = Math.min(random.int(1, 200), events - this.#records.length);
      if (kind < 0.8) this.#busy(count, random.pick([0, 1, 4, 15]));
      else if (kind < 0.9) this.#arrivalMs += random.int(800, 8_000);
      else this.#junkOnly(Math.min(count, 12), random.pick([0, 300]));
    }
    return this.#log();
  }

  #log(): SimLog {
    const topic = this.#partition === 0 ? 'impressions' : 'clicks';
    const partition = `${topic}-${this.#task}`;
    return { partition, topicId: `id-of-${topic}`, records: this.#records };
  }

  #busy(count: number, everyMs: number): void {
    for (let i = 0; i < count; i++) {
      this.#pass(everyMs);
      if (this.#random.chance(this.#world.junk)) this.#junk();
      else this.#event();
    }
  }

  #junkOnly(count: number, everyMs: number): void {
    for (let i = 0; i < count; i++) {
      this.#pass(everyMs);
      this.#junk();
    }
  }

  #pass(everyMs: number): void {
    this.#arrivalMs += this.#random.int(0, 2 * everyMs);
    for (const { fromMs, toMs } of this.#world.silences)
      if (this.#arrivalMs >= fromMs && this.#arrivalMs < toMs) this.#arrivalMs = toMs;
  }

  #append(bytes: Uint8Array): void {
    this.#records.push({ offset: this.#offset, arrivalMs: this.#arrivalMs, bytes });
    this.#offset += this.#random.chance(0.97) ? 1 : this.#random.int(2, 50);
  }

  /** Broken, or so old that it can only be too late. */
  #junk(): void {
    const random = this.#random;
    const { settings } = this.#world;
    if (random.chance(0.3) && this.#events.length > 0) {
      const back = settings.windowMs + settings.allowedLatenessMs + settings.watermarkDelayMs;
      this.#say({ ...this.#draw(), ts: this.#maxTs - back - random.int(0, 60_000) });
      return;
    }
    const rare = random.chance(0.02);
    const reasons = brokenReasons().filter((reason) => rare || reason !== 'too_large');
    this.#append(broken(random.pick(reasons), this.#arrivalMs, random));
  }

  #event(): void {
    const random = this.#random;
    const { duplicates, jumps } = this.#world;
    const { windowMs } = this.#world.settings;
    if (random.chance(jumps)) this.#jump(random.pick([20_000, 70_000, 600_000, 7_200_000]));
    if (random.chance(duplicates) && this.#events.length > 0) {
      const recent = this.#events.slice(-random.pick([3, 50, 1_000]));
      const again = { ...random.pick(recent) };
      if (random.chance(0.3)) again.ts += random.int(-windowMs, windowMs);
      if (random.chance(0.2)) again.ts = this.#draw().ts;
      if (random.chance(0.1)) again.kind = again.kind === 'click' ? 'impression' : 'click';
      if (random.chance(0.1)) again.product = random.pick(this.#world.products);
      this.#say(again);
      return;
    }
    if (random.chance(0.02)) this.#echo();
    this.#say(this.#draw());
  }

  /** An id comes again just before, or just when, it is forgotten. */
  #echo(): void {
    const random = this.#random;
    const { windowMs, watermarkDelayMs, idMemoryMs, futureMs } = this.#world.settings;
    const first = this.#events.findLast((event) => event.id !== undefined);
    if (first === undefined) return;
    const end = (Math.floor(first.ts / windowMs) + 1) * windowMs;
    const ts = end + idMemoryMs + watermarkDelayMs - random.int(0, 1);
    if (ts <= this.#maxTs || ts > this.#arrivalMs + futureMs) return;
    this.#say({ ...this.#draw(), ts });
    this.#say({ ...first, ts });
    // What comes after goes on from there, or it would all be too late.
    this.#jumpedMs += Math.max(0, ts - this.#presentTs());
  }

  /** Events go on much later, as far as that is not the future. */
  #jump(byMs: number): void {
    if (this.#presentTs() + byMs < this.#arrivalMs) this.#jumpedMs += byMs;
  }

  #presentTs(): number {
    const { startMs, shiftMs, speed } = this.#world;
    const ts = startMs + shiftMs + this.#jumpedMs + (this.#arrivalMs - startMs) * speed;
    return this.#random.chance(0.97) ? Math.min(ts, this.#arrivalMs + 5_000) : ts;
  }

  /** A new event at about the present of this log. */
  #draw(): PlainEvent {
    const random = this.#random;
    const { disorder, late, products, settings } = this.#world;
    let ts = this.#presentTs();
    if (random.chance(disorder)) ts -= random.int(0, random.pick([500, 3_000, 8_000]));
    if (random.chance(late)) ts -= random.int(0, settings.windowMs + settings.allowedLatenessMs);
    // The edges of windows are where mistakes are.
    if (random.chance(0.05)) {
      const { windowMs } = settings;
      ts = Math.floor(ts / windowMs) * windowMs - random.int(0, 1);
    }
    const usual = this.#partition === 0 ? 0.05 : 0.95;
    const kind = random.chance(usual) ? 'click' : 'impression';
    const event: PlainEvent = { product: random.pick(products), ts, kind };
    if (random.chance(0.6)) event.id = random.chance(0.1) ? `${random.int(0, 9)}` : random.hex(8);
    return event;
  }

  #say(event: PlainEvent): void {
    this.#events.push(event);
    if (event.ts <= this.#arrivalMs + this.#world.settings.futureMs)
      this.#maxTs = Math.max(this.#maxTs, event.ts);
    this.#append(spell(event, this.#random, this.#world.plain));
  }
}
