/**
 * The embedded size, composed: journal, TypeScript engine and SQLite store in one file, and the API
 * in front of it, all in this process.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { systemClock } from '../clock.ts';
import { LIMITS, type Limits, type Options, type Settings } from '../config.ts';
import { createJudge } from '../decode/unusable.ts';
import type { RecordSlices } from '../event.ts';
import { Pipeline, type PipelineParts } from '../pipeline.ts';
import { Journal } from '../sources/journal.ts';
import { mustBeInPlace } from '../sqlite.ts';
import type { TaskHealth } from '../status.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import { apiParts } from './api-parts.ts';
import { mustBeFilledBy, openData } from './data.ts';
import { listen } from './listen.ts';
import { OWNER } from './owner.ts';
import type { Running } from './running.ts';

/** The one task of the embedded size. */
const EMBEDDED_TASK = '0';

export type EmbeddedParts = {
  options: Pick<Options, 'host' | 'port' | 'data'> &
    Partial<Pick<Options, 'minSample' | 'timeZone'>>;
  settings: Settings;
  limits?: Limits;
  log: Logger;
  /** Who may come in (default: everybody). */
  doors?: Doors;
  resetWindows?: boolean;
  onStep?: PipelineParts['onStep'];
};

export type Embedded = Running & { pipeline: Pipeline; journal: Journal; store: SqliteStore };

/**
 * Starts everything. The directory is locked and the port bound before anything is claimed.
 * Throws `directory_locked`, `port_in_use`, `checkpoint_…`, `source_foreign`.
 */
export async function startEmbedded(parts: EmbeddedParts): Promise<Embedded> {
  const { settings, log, options } = parts;
  const limits = parts.limits ?? LIMITS;
  await using closers = new AsyncDisposableStack();
  const { lock, db } = openData(options.data, log);
  closers.defer(() => lock.release());
  closers.defer(() => db.close());
  const store = new SqliteStore(db, {
    limits,
    ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
  });
  mustBeFilledBy(store, EMBEDDED_TASK, options.data);
  const journal = new Journal(db, { limits, clock: systemClock, futureMs: settings.futureMs });
  closers.defer(() => journal.close());
  const pipeline = new Pipeline({
    task: EMBEDDED_TASK,
    source: journal,
    store,
    clock: systemClock,
    settings,
    limits,
    log,
    newToken: randomUUID,
    newIdKey: () => randomBytes(16).toString('hex'),
    // Whoever holds the directory's lock owns its only task.
    stillOurs: async () => lock.held(),
    ...(parts.resetWindows === undefined ? {} : { resetWindows: parts.resetWindows }),
    ...(parts.onStep === undefined ? {} : { onStep: parts.onStep }),
  });
  const judge = createJudge(settings);
  const push = (records: RecordSlices) => journal.append(records);
  const server = await createServer({
    ...apiParts(options, settings, log),
    reader: store,
    limits,
    judge: (records) => judge(records, journal.nextArrivalMs),
    push,
    ...(parts.doors === undefined ? {} : { doors: parts.doors }),
    health: () => [withEnd(pipeline.health(), journal.nextOffset)],
    open: (limit) => [pipeline.openCounts(limit)],
    owner: OWNER,
  });
  // A server that may not listen has begun to follow the store all the same.
  closers.defer(() => server.close());
  const url = await listen(server, options);
  lock.update({ url });
  const abort = new AbortController();
  const finished = pipeline.run(abort.signal);
  finished.catch(() => {});
  const started = closers.move();
  const stop = async () => {
    await server.close();
    await journal.flush();
    await drained(pipeline, journal, limits);
    abort.abort();
    // What was accepted is stored only where a start will find it.
    await finished.then(() => mustBeInPlace(db)).finally(() => started.disposeAsync());
  };
  return { url, pipeline, journal, store, push, finished, stop };
}

/** The journal's end is known here and now; the pipeline knows only what it has read. */
function withEnd(health: TaskHealth, end: number): TaskHealth {
  const sights = health.sights?.map((sight) => ({ ...sight, end }));
  return sights === undefined ? health : { ...health, sights };
}

/** Waits until what was accepted is applied, as long as that goes on and a stop may take. */
async function drained(pipeline: Pipeline, journal: Journal, limits: Limits): Promise<void> {
  const untilMs = systemClock.monotonicMs() + limits.stopMs / 2;
  while (systemClock.monotonicMs() < untilMs) {
    const { live, ready } = pipeline.health();
    if (!ready || live === null || live.partitions[0].position >= journal.nextOffset) return;
    await systemClock.sleep(10);
  }
}
