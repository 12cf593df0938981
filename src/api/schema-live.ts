/** Shapes of freshness, time and the open window, for the OpenAPI document. */
import { Type } from 'typebox';
import { LIMITS } from '../config.ts';
import { count, listOf, nullable, timeMs } from './schema-words.ts';

const WHY = 'What holds time back and what would release it; null when nothing does';

export const Freshness = Type.Object(
  {
    window_start: nullable(timeMs('Newest window published')),
    window_end: nullable(timeMs('Its end')),
    watermark: nullable(timeMs('The least watermark of the tasks that have windows to close')),
    final_before: nullable(timeMs('Windows published that start before it are final')),
    published_at: nullable(timeMs('When this server last saw a change')),
    age_ms: nullable(count('Milliseconds since then')),
    ready: Type.Boolean({ description: 'Whether events are counted and results are current' }),
    why: nullable(Type.String({ description: WHY })),
  },
  { $id: 'Freshness', description: 'How fresh an answer is' },
);

const PartitionTime = Type.Object({
  name: Type.String({ description: 'Topic partition' }),
  position: Type.Integer({ description: 'Offset of the next record' }),
  end: nullable(Type.Integer({ description: 'Offset after the newest record, where known' })),
  lag: nullable(count('Records that wait to be read, where known')),
  max_ts: nullable(timeMs('Largest event time')),
  watermark: nullable(timeMs('Its watermark')),
  idle: Type.Boolean(),
  idle_since: nullable(timeMs('Arrival of its last event that counted, while it is idle')),
  holds: Type.Boolean({ description: 'Whether it holds back the time of its task' }),
});

export const TaskTime = Type.Object(
  {
    task: Type.String(),
    watermark: nullable(timeMs('Its watermark')),
    final_before: nullable(timeMs('Its windows that start before it are final')),
    lag_ms: nullable(Type.Integer({ description: 'How far its watermark is behind the clock' })),
    commit_age_ms: nullable(count('Milliseconds since its last commit, where that is known')),
    owner: nullable(Type.String({ description: 'The process that runs it, where it is this one' })),
    ready: Type.Boolean(),
    reasons: Type.Array(Type.String()),
    why: nullable(Type.String({ description: WHY })),
    partitions: Type.Array(PartitionTime),
  },
  { $id: 'TaskTime', description: 'Time in one task, and what holds it back' },
);

const windowCounts = {
  window_start: timeMs('First millisecond of the window'),
  window_end: timeMs('First millisecond after the window'),
  impressions: count('Impressions so far'),
  clicks: count('Clicks so far'),
};

export const Open = Type.Object(
  {
    status: listOf(['provisional']),
    at: timeMs('When it was counted'),
    available: Type.Boolean({ description: 'False where nobody here counts' }),
    why: Type.Optional(Type.String({ description: 'Why it is not available' })),
    windows: Type.Array(Type.Object(windowCounts), { description: 'Over all products' }),
    products: Type.Array(
      Type.Object({
        product_id: Type.String(),
        window_start: windowCounts.window_start,
        impressions: windowCounts.impressions,
        clicks: windowCounts.clicks,
      }),
      { description: `The most active first, at most ${LIMITS.openProducts}` },
    ),
  },
  { $id: 'Open', description: 'Counts of windows that are not closed yet; never part of `latest`' },
);

export const OpenProduct = Type.Object(
  {
    status: listOf(['provisional']),
    at: timeMs('When it was counted'),
    windows: Type.Array(Type.Object(windowCounts)),
  },
  {
    $id: 'OpenProduct',
    description: 'Open windows of one product, where it is among the most active',
  },
);
