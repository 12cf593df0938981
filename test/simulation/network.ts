/** Calls between processes: they take time, overtake each other, get lost, and come twice. */
import { ClickrateError } from '../../src/errors.ts';
import type { Random } from '../support/random.ts';
import { CALL_FAULTS, type CallName, type Fault } from './faults.ts';
import type { Process, Scheduler } from './scheduler.ts';

/** Who waits for an answer gives up after this time. */
const PATIENCE_MS = 2_000;

type CallFault = Extract<Fault, { call: CallName }>;

export type NetworkParts = {
  scheduler: Scheduler;
  random: Random;
  faults: readonly Fault[];
  /** Told of every fault that befell somebody. */
  onFault(fault: Fault, process: Process): void;
  crash(process: Process, awayMs: number): void;
};

export class Network {
  readonly #parts: NetworkParts;
  readonly #faults = new Map<string, CallFault>();
  readonly #calls = new Map<CallName, number>();

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    for (const fault of parts.faults)
      if (isOfCall(fault)) this.#faults.set(`${fault.call} ${fault.nth}`, fault);
  }

  /** No more faults. */
  calm(): void {
    this.#faults.clear();
  }

  latencyMs(): number {
    const { random } = this.#parts;
    return random.fraction() * random.pick([0.5, 1, 1, 2, 4, 30]);
  }

  /** `execute` runs at the other end, after `holdMs` more; what it gives or throws is the answer. */
  call<T>(
    process: Process,
    name: CallName,
    execute: () => T | Promise<T>,
    { holdMs = 0, isOfLine = false } = {},
  ): Promise<T> {
    if (process.isDead) return new Promise(() => {});
    const fault = this.#nextFault(name);
    if (fault !== null) this.#parts.onFault(fault, process);
    if (fault?.kind === 'crash before the call') {
      this.#parts.crash(process, fault.ms);
      return new Promise(() => {});
    }
    // What a closed connection waits for is gone with it.
    const waits = isOfLine ? 0 : 1;
    process.waiting += waits;
    return new Promise<T>((resolve, reject) => {
      let isSettled = false;
      const settle = (outcome: () => void) => {
        if (!isSettled) process.waiting -= waits;
        isSettled = true;
        outcome();
      };
      this.#send(process, fault, holdMs, execute, {
        answered: (value) => settle(() => resolve(value)),
        failed: (error) => settle(() => reject(error)),
      });
    });
  }

  #nextFault(name: CallName): CallFault | null {
    const nth = (this.#calls.get(name) ?? 0) + 1;
    this.#calls.set(name, nth);
    return this.#faults.get(`${name} ${nth}`) ?? null;
  }

  #send<T>(
    process: Process,
    fault: CallFault | null,
    holdMs: number,
    execute: () => T | Promise<T>,
    { answered, failed }: { answered(value: T): void; failed(error: unknown): void },
  ): void {
    const { scheduler, crash } = this.#parts;
    const isLost = fault?.kind === 'request lost' || fault?.kind === 'answer lost';
    const delayMs = fault?.kind === 'request delayed' ? fault.ms : 0;
    if (isLost || delayMs > 0)
      scheduler.after(PATIENCE_MS + holdMs, process, () => failed(noAnswer()));
    if (fault?.kind === 'request lost') return;
    const run = (answer: (outcome: () => void) => void) => () => {
      (async () => execute())().then(
        (value) => answer(() => answered(value)),
        (error: unknown) => {
          if (!(error instanceof ClickrateError)) scheduler.fail(error);
          answer(() => failed(error));
        },
      );
    };
    const deliver = (outcome: () => void) => {
      if (fault?.kind === 'crash after the call') crash(process, fault.ms);
      else if (!isLost) scheduler.after(this.latencyMs(), process, outcome);
    };
    scheduler.after(this.latencyMs() + holdMs + delayMs, null, run(deliver));
    if (fault?.kind === 'request repeated')
      scheduler.after(
        this.latencyMs() + holdMs + fault.ms,
        null,
        run(() => {}),
      );
  }
}

function isOfCall(fault: Fault): fault is CallFault {
  return (CALL_FAULTS as readonly string[]).includes(fault.kind);
}

function noAnswer(): ClickrateError {
  // The lanes' and the stores' errors differ in the code only; both are tried again.
  return new ClickrateError('store_unavailable', 'no answer in time');
}
