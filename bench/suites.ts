/** What can be measured: each suite tells its report about one part of the project. */
import type { Report } from './report.ts';
import { embedded } from './suites/embedded.ts';
import { engine } from './suites/engine.ts';
import { flink } from './suites/flink.ts';
import { http } from './suites/http.ts';
import { kafka } from './suites/kafka.ts';
import { latency } from './suites/latency.ts';
import { processes } from './suites/process.ts';
import { scale } from './suites/scale.ts';
import { store } from './suites/store.ts';
import { stream } from './suites/stream.ts';

type Suite = (report: Report, isQuick: boolean) => Promise<void>;

export const SUITES: Record<string, Suite> = {
  embedded,
  engine,
  kafka,
  scale,
  flink,
  store,
  http,
  latency,
  stream,
  process: processes,
};
