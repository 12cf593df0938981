/** What the routes of one server share. */
import { OPTIONS } from '../config.ts';
import type { Metrics, StreamCounts } from '../metrics.ts';
import type { ApiParts } from './handed.ts';
import type { Yardstick } from './live.ts';
import type { OpenWindows } from './open.ts';
import type { Refused } from './refused.ts';
import type { Results } from './results.ts';
import type { TaskWatch } from './tasks.ts';
import type { Traffic } from './traffic.ts';

export type Context = {
  parts: ApiParts;
  results: Results;
  refused: Refused;
  watch: TaskWatch;
  open: OpenWindows;
  traffic: Traffic;
  metrics: Metrics;
  /** What the stream's hub counts. */
  stream: StreamCounts;
};

/** What results that are published are judged by as of now. */
export function yardstickOf({ parts, watch }: Context): Yardstick {
  return {
    finalBefore: watch.finalBefore(Infinity),
    minSample: parts.minSample ?? OPTIONS.minSample,
  };
}
