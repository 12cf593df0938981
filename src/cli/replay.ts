/** `clickrate replay`: files through the same rules, as fast as it goes, to the final results. */
import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../clock.ts';
import { LIMITS, type Settings } from '../config.ts';
import { ClickrateError, isOf } from '../errors.ts';
import { VERDICTS } from '../event.ts';
import type { Log } from '../log.ts';
import { Pipeline } from '../pipeline.ts';
import type { CsvMapping } from '../sources/csv.ts';
import { FileSource } from '../sources/file.ts';
import type { KeptEvent, Status } from '../status.ts';
import { MemoryStore } from '../stores/memory.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import type { Store } from '../stores/store.ts';
import { FILE_TASK, mustBeFilledBy, openData } from './data.ts';
import { isSameFile, Output } from './output.ts';
import { Progress } from './progress.ts';
import { RecordingStore } from './recording.ts';

export type ReplayOptions = {
  files: string[];
  csv?: CsvMapping;
  sort: boolean;
  /** File for the final results, or `-`; none: only the ledger is shown. */
  results?: string;
  /** Directory of a store to fill; a replay interrupted there goes on. */
  data?: string;
  /** Told of the events that were not counted, each commit. */
  onKept?: (events: readonly KeptEvent[]) => void;
  settings: Settings;
  log: Log;
  signal: AbortSignal;
};

/** Replays the files; returns the final status. Throws `file_unreadable`, `source_foreign`, … */
export async function replay(options: ReplayOptions): Promise<Status> {
  const source = new FileSource({
    files: options.files,
    clock: systemClock,
    limits: LIMITS,
    sort: options.sort,
    ...(options.csv === undefined ? {} : { csv: options.csv }),
  });
  const opened = openStore(options);
  let output: Output | null = null;
  try {
    if (options.results !== undefined) {
      // Before the file is opened, which empties it.
      await checkNew(opened.store, options.data);
      checkOther(options.results, options.files);
      output = new Output(options.results);
    }
    return await replayInto(source, opened.store, output, options);
  } finally {
    await source.close();
    output?.close();
    await opened.close();
  }
}

/** Throws `usage` when the results would replace what is read. */
function checkOther(results: string, files: readonly string[]): void {
  for (const file of files)
    if (isSameFile(results, file))
      throw new ClickrateError('usage', `${results} is read: choose another file for --results`);
}

async function checkNew(store: Store, data: string | undefined): Promise<void> {
  const before = (await store.statuses()).get(FILE_TASK);
  if (before === undefined || before.ledger.received === 0) return;
  throw new ClickrateError(
    'usage',
    `${data} already holds a replay, whose results would be incomplete; ` +
      'use an empty --data, or none',
  );
}

async function replayInto(
  source: FileSource,
  store: Store,
  output: Output | null,
  options: ReplayOptions,
): Promise<Status> {
  const { settings, log, signal } = options;
  const write = output === null ? null : (text: string) => output.write(Buffer.from(text));
  const recording = new RecordingStore(store, settings.windowMs, write, options.onKept);
  const pipeline = new Pipeline({
    task: FILE_TASK,
    source,
    store: recording,
    clock: systemClock,
    settings,
    limits: LIMITS,
    log,
    newToken: randomUUID,
    newIdKey: () => randomBytes(16).toString('hex'),
    stillOurs: async () => true,
  });
  const interrupt = () => pipeline.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  if (signal.aborted) interrupt();
  try {
    await countAll(pipeline, source, signal);
  } catch (error) {
    // Also where the store failed: what was not committed is read again.
    throw signal.aborted && isOf(error, 'stopping') ? interrupted(options, error) : error;
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
  recording.finish();
  return pipeline.health().live as Status;
}

/** Rejects with `stopping` when it is interrupted, after a commit where there can be one. */
async function countAll(pipeline: Pipeline, source: FileSource, signal: AbortSignal) {
  const progress = new Progress(process.stderr);
  await pipeline.start();
  while (!source.ended) {
    if (signal.aborted) {
      await pipeline.stop();
      throw new ClickrateError('stopping', 'every record read is committed');
    }
    await pipeline.step();
    progress.show(source.progress());
    await new Promise(setImmediate);
  }
  await pipeline.close();
  progress.end();
}

/** Results can only be written from the beginning. */
function interrupted({ data, results }: ReplayOptions, cause: unknown): ClickrateError {
  const whole = `${results} is not whole: begin anew`;
  const [alone, filling] =
    results === undefined
      ? ['nothing is kept; with --data the same command goes on', 'the same command goes on']
      : [whole, `${whole}, with an empty --data, or go on without --results`];
  const then = data === undefined ? alone : filling;
  return new ClickrateError('stopping', `interrupted; ${then}`, { cause });
}

function openStore({ data, log }: ReplayOptions): { store: Store; close(): Promise<void> } {
  if (data === undefined) return inMemory();
  using closers = new DisposableStack();
  const { lock, db } = openData(data, log);
  closers.defer(() => lock.release());
  closers.defer(() => db.close());
  const store = new SqliteStore(db);
  mustBeFilledBy(store, FILE_TASK, data);
  const opened = closers.move();
  return { store, close: () => store.close().then(() => opened.dispose()) };
}

/** Results and kept events are not stored: nobody could read them, and they fill the memory. */
function inMemory(): { store: Store; close(): Promise<void> } {
  const store = new MemoryStore({ clock: systemClock });
  const commit = store.commit.bind(store);
  store.commit = (one) => commit({ ...one, results: [], kept: [] });
  return { store, close: () => store.close() };
}

/** The ledger as lines for a person. */
export function ledgerText(status: Status): string {
  const { ledger } = status;
  const rows = VERDICTS.filter((verdict) => ledger.verdicts[verdict] > 0).map(
    (verdict) => `  ${verdict.padEnd(20)} ${String(ledger.verdicts[verdict]).padStart(12)}`,
  );
  return [`  ${'received'.padEnd(20)} ${String(ledger.received).padStart(12)}`, ...rows].join('\n');
}
