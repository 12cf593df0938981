/** What the API is handed by whoever starts it. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Limits, Settings } from '../config.ts';
import type { RecordSlices, Unusable } from '../event.ts';
import type { OpenCounts, TaskHealth } from '../status.ts';
import type { ResultReader } from '../stores/store.ts';
import type { Doors } from './doors/doors.ts';
import type { PageFiles } from './page-files.ts';

export type ApiParts = {
  reader: ResultReader;
  settings: Settings;
  limits: Limits;
  clock: Clock;
  /** Judges without storing. Without `judge` or `push` there is no `POST /v1/events` (404). */
  judge?(records: RecordSlices): Unusable[];
  /** Resolves when the records are durable. */
  push?(records: RecordSlices): Promise<unknown>;
  health(): TaskHealth[];
  /** What troubles the process beside its tasks, in one sentence; null: nothing. */
  trouble?(): string | null;
  /** While the store does not answer: milliseconds since it last did; else null. */
  staleMs?(): number | null;
  /** Counts of the windows not closed yet, at most `limit` products of each task; see `open.ts`. */
  open?(limit: number): OpenCounts[];
  /** Who runs the tasks of `health`, for people who look for the process. */
  owner?: string;
  /** Fewer impressions than this are few (default: the option's). */
  minSample?: number;
  /** The page for browsers; null: it has not been built. */
  page?: PageFiles | null;
  /** Who may come in (default: everybody). */
  doors?: Doors;
  /** Makes the text of `/metrics` of this process that of several. */
  shareMetrics?(own: () => Promise<string>): () => Promise<string>;
  log: Logger;
  version: string;
};
