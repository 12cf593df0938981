/**
 * The peer: counts as one writes them in Flink SQL, with its `json` format and windowing table
 * function. What cannot be read is dropped, what is too late is dropped by the window, nobody keeps
 * a ledger. Beside what saves it CPU time (large reads, objects used again) it has its defaults.
 */
import type { Job } from '../../src/flink/job.ts';

export function jsonSession({ name, parallelism, checkpointMs }: Job): Record<string, string> {
  return {
    'pipeline.name': name,
    'parallelism.default': String(parallelism),
    'table.local-time-zone': 'UTC',
    'execution.checkpointing.interval': `${checkpointMs} ms`,
    'pipeline.object-reuse': 'true',
  };
}

export function jsonStatements({ topics, kafka, group }: Job): string[] {
  const properties = Object.entries(kafka).map(
    ([key, value]) => `'properties.${key}' = '${value}'`,
  );
  return [
    `CREATE TEMPORARY TABLE events (
  product_id STRING,
  \`timestamp\` BIGINT,
  event_type STRING,
  rowtime AS TO_TIMESTAMP_LTZ(\`timestamp\`, 3),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '3' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = '${topics.impressions};${topics.clicks}',
  'properties.group.id' = '${group}', 'scan.startup.mode' = 'earliest-offset',
  'properties.max.poll.records' = '5000', 'properties.max.partition.fetch.bytes' = '4194304',
  'format' = 'json', 'json.ignore-parse-errors' = 'true', ${properties.join(', ')}
)`,
    `CREATE TEMPORARY TABLE results (
  product_id STRING, window_start TIMESTAMP_LTZ(3), impressions BIGINT, clicks BIGINT,
  PRIMARY KEY (product_id, window_start) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka', 'topic' = '${topics.results}', 'key.format' = 'json',
  'value.format' = 'json', ${properties.join(', ')}
)`,
    `INSERT INTO results
SELECT product_id, CAST(window_start AS TIMESTAMP_LTZ(3)),
  COUNT(*) FILTER (WHERE event_type = 'impression'),
  COUNT(*) FILTER (WHERE event_type = 'click')
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(rowtime), INTERVAL '10' SECOND))
GROUP BY product_id, window_start, window_end`,
  ];
}
