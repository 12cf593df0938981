/** Several processes that share a port: started, watched, begun again, stopped together. */
import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../clock.ts';
import { LIMITS } from '../config.ts';
import type { Log } from '../log.ts';
import { untilAborted } from './signals.ts';
import { relayMetrics } from './worker-metrics.ts';

/** Pause before a worker that died is started again: at first, at most, and after it ran well. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const WELL_MS = 60_000;

/** Name of the variable that says which worker a process is. */
const SLOT = 'CLICKRATE_WORKER_SLOT';

/** Which worker this process is, from 1; null: none. */
export function workerSlot(): string | null {
  return cluster.isWorker ? (process.env[SLOT] ?? null) : null;
}

/** Ends what keeps a worker alive when it has nothing more to do. */
export function leaveWorkers(): void {
  if (cluster.isWorker) process.disconnect();
}

/** What ended before it listened: nothing is started again for it. */
class StartFailed extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`a worker ended with ${code} before it listened`);
    this.code = code;
  }
}

export type WorkersParts = { workers: number; scheme: string; log: Log; stop: AbortSignal };

/** Runs the workers until `stop`; resolves to the exit code. */
export async function runWorkers(parts: WorkersParts): Promise<number> {
  const { workers, scheme, log, stop } = parts;
  relayMetrics();
  // Where one cannot start, the others are not to be started again when they are ended.
  const own = new AbortController();
  const ending = AbortSignal.any([stop, own.signal]);
  const slots = Array.from({ length: workers }, (_, n) => new Slot(String(n + 1), log, ending));
  try {
    // The first one tells what is wrong with the port or the options, once.
    for (const slot of slots) await slot.start();
  } catch (error) {
    own.abort();
    for (const slot of slots) slot.end();
    await Promise.all(slots.map((slot) => slot.ended));
    if (error instanceof StartFailed) return error.code;
    throw error;
  }
  const { host, port } = slots[0].address!;
  log.info({ workers }, `the API is up: open ${scheme}://${host}:${port}/ctr/latest`);
  await untilAborted(stop);
  const forced = setTimeout(() => {
    log.error({ stopMs: LIMITS.stopMs }, 'stopping takes too long');
    for (const slot of slots) slot.end('SIGKILL');
  }, LIMITS.stopMs);
  for (const slot of slots) slot.end();
  await Promise.all(slots.map((slot) => slot.ended));
  clearTimeout(forced);
  log.info({}, 'stopped');
  return 0;
}

/** The place of one worker, whoever fills it. */
class Slot {
  readonly #name: string;
  readonly #log: Log;
  readonly #stop: AbortSignal;
  #worker: Worker | null = null;
  #pauseMs = PAUSE_MS;
  address: { host: string; port: number } | null = null;
  /** Resolves when the present worker has ended. */
  ended: Promise<void> = Promise.resolve();

  constructor(name: string, log: Log, stop: AbortSignal) {
    this.#name = name;
    this.#log = log;
    this.#stop = stop;
  }

  /** Resolves when it listens; rejects when it ends before. */
  start(): Promise<void> {
    const worker = cluster.fork({ [SLOT]: this.#name });
    const beganMs = systemClock.monotonicMs();
    this.#worker = worker;
    let isUp = false;
    const up = new Promise<void>((resolve, reject) => {
      worker.once('listening', ({ address, port }: AddressInfo) => {
        this.address = { host: address.includes(':') ? `[${address}]` : address, port };
        isUp = true;
        resolve();
      });
      worker.once('exit', (code) => reject(new StartFailed(code || 1)));
    });
    this.ended = new Promise((resolve) => {
      worker.once('exit', (code, signal) => {
        this.#worker = null;
        resolve();
        if (!this.#stop.aborted && (isUp || this.address !== null))
          void this.#again(code ?? signal, systemClock.monotonicMs() - beganMs);
      });
    });
    return up;
  }

  async #again(how: number | string, livedMs: number): Promise<void> {
    if (livedMs >= WELL_MS) this.#pauseMs = PAUSE_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    this.#log.warn({ worker: this.#name, how, pauseMs }, 'a worker ended; it is started again');
    await systemClock.sleep(pauseMs, this.#stop);
    if (!this.#stop.aborted) await this.start().catch(() => {});
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#worker?.process.kill(signal);
  }
}
