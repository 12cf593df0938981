/** What the API is handed, and what its routes share. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Limits, Settings } from '../config.ts';
import type { RecordSlices, Unusable } from '../event.ts';
import type { Metrics } from '../metrics.ts';
import type { TaskHealth } from '../status.ts';
import type { ResultReader } from '../stores/store.ts';
import type { Results } from './results.ts';
import type { Traffic } from './traffic.ts';

export type ApiParts = {
  reader: ResultReader;
  settings: Settings;
  limits: Limits;
  clock: Clock;
  /** Judges without storing. Without `judge` or `push` there is no `POST /v1/events` (404). */
  judge?(records: RecordSlices): Unusable[];
  /** Resolves when the records are durable. */
  push?(records: RecordSlices): Promise<{ offset: number; arrivalMs: number }>;
  health(): TaskHealth[];
  /** What troubles the process beside its tasks, in one sentence; null: nothing. */
  trouble?(): string | null;
  logger: Logger | false;
  version: string;
};

/** Shared by the routes of one server. */
export type Context = { parts: ApiParts; results: Results; traffic: Traffic; metrics: Metrics };
