/** What may go wrong in a run: drawn from its seed as a list, so that a story can be made shorter. */
import type { Random } from '../support/random.ts';

/** Which calls a fault of a call may befall. */
const CALLS = ['claim', 'read', 'commit', 'broker'] as const;
export type CallName = (typeof CALLS)[number];

export const CALL_FAULTS = [
  'crash before the call',
  'crash after the call',
  'request lost',
  'answer lost',
  'request repeated',
  'request delayed',
] as const;

export type Fault =
  | { kind: (typeof CALL_FAULTS)[number]; call: CallName; nth: number; ms: number }
  | { kind: 'crash in a step'; step: number; nth: number; ms: number }
  | { kind: 'crash' | 'pause' | 'restart' | 'clock jump'; atMs: number; engine: number; ms: number }
  | { kind: 'rebalance storm'; atMs: number; times: number }
  | { kind: 'broker down'; atMs: number; broker: number; ms: number }
  | { kind: 'leader moved'; atMs: number; lane: number }
  | { kind: 'reads throttled'; atMs: number; ms: number }
  | { kind: 'log truncated'; atMs: number; lane: number; share: number }
  | { kind: 'store rolled back'; fromMs: number; atMs: number }
  | { kind: 'store forgets a claim'; nth: number; ms: number }
  | { kind: 'store lost'; atMs: number }
  | { kind: 'disk full' | 'slow store' | 'store away'; atMs: number; ms: number };

export type FaultKind = Fault['kind'];

/** Everything a run is made of; the rest follows from the seed. */
export type Plan = {
  seed: number;
  tasks: number;
  engines: number;
  /** Events in all logs together. */
  events: number;
  faults: Fault[];
  /** Faults befall the first so many milliseconds; then the world must come to rest. */
  faultsMs: number;
};

const LONGEST_FAULTS_MS = 40_000;
const HOUR_MS = 3_600_000;

export function drawPlan(random: Random, seed: number, events: number): Plan {
  const tasks = random.pick([1, 1, 2, 2, 3]);
  const engines = random.int(1, 5);
  const faultsMs = random.int(8_000, LONGEST_FAULTS_MS);
  const faults: Fault[] = [];
  const draw = new Draw(random, faultsMs, engines, tasks);
  // Some runs are calm, so that a rare fault is seen alone.
  const most = random.pick([0, 3, 10, 25, 40]);
  while (faults.length < most) faults.push(draw.fault());
  return { seed, tasks, engines, events, faults, faultsMs };
}

class Draw {
  readonly #random: Random;
  readonly #mostMs: number;
  readonly #engines: number;
  readonly #tasks: number;

  constructor(random: Random, mostMs: number, engines: number, tasks: number) {
    this.#random = random;
    this.#mostMs = mostMs;
    this.#engines = engines;
    this.#tasks = tasks;
  }

  fault(): Fault {
    const random = this.#random;
    const kind = random.fraction();
    if (kind < 0.45) return this.#ofCall();
    if (kind < 0.55)
      return {
        kind: 'crash in a step',
        step: random.int(1, 6),
        nth: this.#nth(300),
        ms: this.#away(),
      };
    if (kind < 0.75) return this.#ofEngine();
    if (kind < 0.87) return this.#ofBrokers();
    return this.#ofStore();
  }

  #ofCall(): Fault {
    const random = this.#random;
    const call = random.pick(['claim', 'read', 'commit', 'commit', 'commit', 'broker'] as const);
    const calls = { claim: 8, read: 8, commit: 150, broker: 600 }[call];
    const ms = random.pick([500, 3_000, 12_000]);
    return { kind: random.pick(CALL_FAULTS), call, nth: this.#nth(calls), ms };
  }

  #ofEngine(): Fault {
    const random = this.#random;
    const engine = random.int(0, this.#engines - 1);
    const atMs = this.#at();
    const kind = random.pick(['crash', 'pause', 'pause', 'restart', 'clock jump'] as const);
    if (kind === 'clock jump')
      return { kind, atMs, engine, ms: random.pick([-HOUR_MS, HOUR_MS, random.int(-9e3, 9e3)]) };
    const ms = kind === 'pause' ? random.pick([300, 2_500, 14_000]) : this.#away();
    return { kind, atMs, engine, ms };
  }

  #ofBrokers(): Fault {
    const random = this.#random;
    const atMs = this.#at();
    const lane = random.int(0, 2 * this.#tasks - 1);
    const kind = random.pick([
      'broker down',
      'leader moved',
      'rebalance storm',
      'reads throttled',
    ] as const);
    if (random.chance(0.1))
      return { kind: 'log truncated', atMs, lane, share: random.fraction() * 0.7 };
    if (kind === 'rebalance storm') return { kind, atMs, times: random.int(1, 6) };
    if (kind === 'leader moved') return { kind, atMs, lane };
    if (kind === 'reads throttled') return { kind, atMs, ms: random.pick([700, 3_000, 9_000]) };
    return { kind, atMs, broker: random.int(0, 2), ms: random.pick([300, 4_000, 9_000]) };
  }

  #ofStore(): Fault {
    const random = this.#random;
    const atMs = this.#at();
    const kind = random.pick([
      'disk full',
      'slow store',
      'store away',
      'store rolled back',
    ] as const);
    if (random.chance(0.12)) return { kind: 'store lost', atMs };
    if (random.chance(0.15))
      return { kind: 'store forgets a claim', nth: this.#nth(10), ms: random.pick([300, 2_000]) };
    if (kind === 'store rolled back')
      return { kind, atMs, fromMs: Math.max(0, atMs - random.pick([150, 1_000, 6_000])) };
    return { kind, atMs, ms: random.pick([400, 2_500, 7_000]) };
  }

  #at(): number {
    return this.#random.int(100, this.#mostMs);
  }

  /** How long an engine that died is not there. */
  #away(): number {
    return this.#random.pick([10, 700, 5_000, 13_000]);
  }

  /** Early calls more often than late ones: every run has those. */
  #nth(most: number): number {
    return 1 + Math.floor(this.#random.fraction() ** 2 * most);
  }
}
