/** How fresh an answer is: on every answer with results, and on every event of the stream. */
import type { Context } from './parts.ts';

/** Freshness as JSON; throws `store_unavailable` before the first load. */
export function freshnessText(context: Context): string {
  const { parts, results, watch } = context;
  const { newestStart, publishedAtMs } = results;
  const seen = watch.now();
  const end = newestStart === null ? null : newestStart + results.rows.windowMs;
  const age = publishedAtMs === null ? null : Math.max(0, parts.clock.wallMs() - publishedAtMs);
  return JSON.stringify({
    window_start: newestStart,
    window_end: end,
    watermark: seen.watermark,
    final_before: seen.finalBefore,
    published_at: publishedAtMs,
    age_ms: age,
    ready: seen.ready,
    why: seen.why,
  });
}
