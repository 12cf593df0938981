/** The job as Flink SQL: one source, one verdict a record, three outputs. */
import { type Job, KEEP_MS } from './job.ts';

/** A text as SQL writes it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function intervalOf(ms: number): string {
  const fraction = ms % 1_000 === 0 ? '' : `.${String(ms % 1_000).padStart(3, '0')}`;
  const seconds = `${Math.floor(ms / 1_000)}${fraction}`;
  return `INTERVAL '${seconds}' SECOND(${Math.max(2, String(Math.floor(ms / 1_000)).length)}, 3)`;
}

function bigint(value: number): string {
  return `CAST(${value} AS BIGINT)`;
}

/** Properties of the session that submits the job. */
export function sessionProperties(job: Job): Record<string, string> {
  const heldMs = job.settings.allowedLatenessMs + (job.keepMs ?? KEEP_MS);
  return {
    'pipeline.name': job.name,
    'parallelism.default': String(job.parallelism),
    'table.local-time-zone': 'UTC',
    'execution.checkpointing.interval': `${job.checkpointMs} ms`,
    'execution.checkpointing.mode': 'EXACTLY_ONCE',
    // A firing for each late event, with all counts so far.
    'table.exec.emit.late-fire.enabled': 'true',
    'table.exec.emit.late-fire.delay': '0 s',
    'table.exec.emit.allow-lateness': `${heldMs} ms`,
    // A window's result leaves the task at once instead of with a full buffer.
    'execution.buffer-timeout.interval': '2 ms',
    'pipeline.auto-watermark-interval': '10 ms',
    'pipeline.object-reuse': 'true',
    ...(job.dedupMs > 0 ? { 'table.exec.state.ttl': `${job.dedupMs} ms` } : {}),
  };
}

/** The statement after which a job begins with that savepoint or checkpoint. */
export function restoring(path: string): string {
  return `SET 'execution.state-recovery.path' = ${quoted(path)}`;
}

const FUNCTIONS = {
  ctr_rowtime: 'Rowtime',
  ctr_verdict: 'VerdictOf',
  ctr_product: 'Product',
  ctr_is_click: 'IsClick',
  ctr_event_id: 'EventId',
  ctr_time: 'Time',
  ctr_headers: 'Headers',
  ctr_kept_key: 'KeptKey',
  ctr_kept_value: 'KeptValue',
};

/** What there must be before the job: functions, tables and views, in their order. */
export function definitions(job: Job): string[] {
  const functions = Object.entries(FUNCTIONS).map(
    ([name, type]) =>
      `CREATE TEMPORARY FUNCTION ${name} AS 'clickrate.flink.Functions$${type}' LANGUAGE JAVA ` +
      `USING JAR ${quoted(job.jar.includes('://') ? job.jar : `file://${job.jar}`)}`,
  );
  return [
    ...functions,
    events(job),
    judged(job),
    ...(job.dedupMs > 0 ? [numbered(), counted('numbered')] : [counted('judged')]),
    results(job),
    progress(job),
    ...(job.topics.rejected === '' ? [] : [rejected(job)]),
  ];
}

/** The job itself, to be executed or explained. */
export function statementSet(job: Job): string {
  const outputs = [insertResults(job), insertProgress(job)];
  if (job.topics.rejected !== '') outputs.push(INSERT_REJECTED);
  return `STATEMENT SET BEGIN\n${outputs.join(';\n')};\nEND;`;
}

function withOptions(job: Job, options: Record<string, string>): string {
  const kafka = Object.entries(job.kafka).map(([key, value]) => [`properties.${key}`, value]);
  const lines = [...Object.entries(options), ...kafka].map(
    ([key, value]) => `  ${quoted(key)} = ${quoted(value)}`,
  );
  return `WITH (\n${lines.join(',\n')}\n)`;
}

/** While catching up a poll is worth its cost; what is there is still handed on at once. */
const LARGE_READS = {
  'properties.max.poll.records': '5000',
  'properties.max.partition.fetch.bytes': '4194304',
  'properties.receive.buffer.bytes': '1048576',
};

/**
 * All records as bytes. Without a row time (rejected events) a record moves no watermark. The
 * heartbeat topic is read with the same rule, so that silence closes the last window.
 */
function events(job: Job): string {
  const { settings, topics, start } = job;
  const heartbeat = `\`topic\` = ${quoted(topics.heartbeat)}`;
  const startup: Record<string, string> =
    start === 'earliest'
      ? { 'scan.startup.mode': 'earliest-offset' }
      : { 'scan.startup.mode': 'timestamp', 'scan.startup.timestamp-millis': String(start) };
  return `CREATE TEMPORARY TABLE events (
  \`key\` BYTES,
  \`value\` BYTES,
  \`topic\` STRING METADATA VIRTUAL,
  \`partition\` INT METADATA VIRTUAL,
  \`offset\` BIGINT METADATA VIRTUAL,
  \`arrival\` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  \`rowtime\` AS ctr_rowtime(\`value\`, \`arrival\`, ${heartbeat}, ${bigint(settings.futureMs)}),
  WATERMARK FOR \`rowtime\` AS \`rowtime\` - ${intervalOf(settings.watermarkDelayMs)}
) ${withOptions(job, {
    connector: 'kafka',
    topic: [...new Set([topics.impressions, topics.clicks, topics.heartbeat])].join(';'),
    'properties.group.id': job.group,
    'properties.isolation.level': 'read_committed',
    ...LARGE_READS,
    ...startup,
    'scan.topic-partition-discovery.interval': '0 s',
    'scan.watermark.emit.strategy': job.watermarks === 'on-event' ? 'on-event' : 'on-periodic',
    'scan.watermark.idle-timeout': `${job.idleMs} ms`,
    // One partition's backlog does not run ahead of another's.
    'scan.watermark.alignment.group': 'clickrate',
    'scan.watermark.alignment.max-drift': `${settings.driftMs} ms`,
    'scan.watermark.alignment.update-interval': '200 ms',
    'key.format': 'raw',
    'key.fields': 'key',
    'value.format': 'raw',
    'value.fields-include': 'EXCEPT_KEY',
  })}`;
}

/** Beside the source, so that each record is counted or rejected, once. */
function judged({ settings, topics }: Job): string {
  const { windowMs, allowedLatenessMs, futureMs } = settings;
  const rules = [windowMs, allowedLatenessMs, futureMs].map(bigint).join(', ');
  return `CREATE TEMPORARY VIEW judged AS
SELECT *, ctr_verdict(\`value\`, \`arrival\`, CURRENT_WATERMARK(\`rowtime\`), ${rules}) AS reason
FROM events WHERE \`topic\` <> ${quoted(topics.heartbeat)}`;
}

/** Numbers events with the same id in the order they come; those without one are all the first. */
function numbered(): string {
  const same = '`topic`, `partition`, ctr_product(`value`), ctr_is_click(`value`), event_id';
  return `CREATE TEMPORARY VIEW numbered AS
SELECT \`value\`, \`rowtime\`, reason FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY ${same} ORDER BY PROCTIME()) AS number
  FROM (SELECT *, ctr_event_id(\`value\`) AS event_id FROM judged WHERE reason IS NULL)
  WHERE event_id IS NOT NULL
) WHERE number = 1
UNION ALL
SELECT \`value\`, \`rowtime\`, reason FROM judged
WHERE reason IS NULL AND ctr_event_id(\`value\`) IS NULL`;
}

function counted(from: string): string {
  return `CREATE TEMPORARY VIEW counted AS
SELECT ctr_product(\`value\`) AS product_id, ctr_is_click(\`value\`) AS is_click, \`rowtime\`
FROM ${from} WHERE reason IS NULL`;
}

const JSON_FORMAT = {
  'key.format': 'json',
  'key.json.timestamp-format.standard': 'ISO-8601',
  'value.format': 'json',
  'value.json.timestamp-format.standard': 'ISO-8601',
};

function results(job: Job): string {
  return `CREATE TEMPORARY TABLE results (
  product_id STRING,
  window_start TIMESTAMP_LTZ(3),
  window_end TIMESTAMP_LTZ(3),
  impressions BIGINT,
  clicks BIGINT,
  PRIMARY KEY (product_id, window_start) NOT ENFORCED
) ${withOptions(job, {
    connector: 'upsert-kafka',
    topic: job.topics.results,
    ...JSON_FORMAT,
    // The operator takes a row back before it writes it anew; a buffer keeps the last of the two.
    'sink.buffer-flush.max-rows': '10000',
    'sink.buffer-flush.interval': '10 ms',
  })}`;
}

function insertResults({ settings }: Job): string {
  const window = `TUMBLE(\`rowtime\`, ${intervalOf(settings.windowMs)})`;
  const bound = (edge: string) => window.replace('TUMBLE', `TUMBLE_${edge}`);
  return `INSERT INTO results
SELECT product_id,
  CAST(${bound('START')} AS TIMESTAMP_LTZ(3)),
  CAST(${bound('END')} AS TIMESTAMP_LTZ(3)),
  COUNT(*) FILTER (WHERE NOT is_click),
  COUNT(*) FILTER (WHERE is_click)
FROM counted GROUP BY product_id, ${window}`;
}

function progress(job: Job): string {
  return `CREATE TEMPORARY TABLE progress (
  \`partition\` INT,
  \`watermark\` TIMESTAMP_LTZ(3),
  \`heartbeat\` BIGINT,
  \`at\` TIMESTAMP_LTZ(3),
  PRIMARY KEY (\`partition\`) NOT ENFORCED
) ${withOptions(job, { connector: 'upsert-kafka', topic: job.topics.progress, ...JSON_FORMAT })}`;
}

/** For each heartbeat the watermark of the subtask that read it. */
function insertProgress({ topics }: Job): string {
  return `INSERT INTO progress
SELECT \`partition\`, CURRENT_WATERMARK(\`rowtime\`), ctr_time(\`value\`), \`arrival\`
FROM events WHERE \`topic\` = ${quoted(topics.heartbeat)}`;
}

function rejected(job: Job): string {
  return `CREATE TEMPORARY TABLE rejected (
  \`key\` BYTES,
  \`value\` BYTES,
  \`headers\` MAP<STRING, BYTES> METADATA
) ${withOptions(job, {
    connector: 'kafka',
    topic: job.topics.rejected,
    'key.format': 'raw',
    'key.fields': 'key',
    'value.format': 'raw',
    'value.fields-include': 'EXCEPT_KEY',
    'sink.delivery-guarantee': 'exactly-once',
    // No other job's begins with it: what is open under it is ended when the job starts.
    'sink.transactional-id-prefix': `${job.group}-${job.name}:`,
    // Whatever the job goes on from: what is open would hide what is rejected from now on.
    'sink.transaction-naming-strategy': 'pooling',
    // What the topic takes, and what brokers grant at most.
    'properties.max.request.size': '2097152',
    'properties.transaction.timeout.ms': '900000',
  })}`;
}

const INSERT_REJECTED = `INSERT INTO rejected
SELECT ctr_kept_key(\`key\`), ctr_kept_value(\`value\`),
  ctr_headers(\`value\`, reason, \`topic\`, \`partition\`, \`offset\`, \`arrival\`)
FROM judged WHERE reason IS NOT NULL`;
