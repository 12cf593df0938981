/** What is remembered of the last deployment: a record of the compacted progress topic. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { Deployment } from '../flink/deploy.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { type ReadRecord, readTopic } from '../sources/kafka/reader.ts';
import { Sender } from '../sources/kafka/sender.ts';

export type DeploymentOptions = KafkaOptions & Pick<Options, 'jobName' | 'progressTopic'>;

function keyOf(options: Pick<Options, 'jobName'>): string {
  return JSON.stringify({ deployment: options.jobName });
}

/** The last deployment of the job; null: there was none. Throws as a reader of topics does. */
export async function readDeployment(options: DeploymentOptions): Promise<Deployment | null> {
  const signal = new AbortController().signal;
  const topic = options.progressTopic;
  let last: ReadRecord | null = null;
  const key = keyOf(options);
  for await (const record of readTopic(options, { topic, from: 'earliest', toEnd: true, signal }))
    if (record.key?.toString() === key) last = record;
  return last === null ? null : deploymentIn(topic, last);
}

/** Null where it was deleted. Throws `source_damaged` where it is something else. */
export function deploymentIn(
  topic: string,
  { partition, offset, key, value }: ReadRecord,
): Deployment | null {
  if (value.length === 0) return null;
  const found = parsed(value.toString());
  if (typeof found?.jobId === 'string') return found as Deployment;
  throw new ClickrateError(
    'source_damaged',
    `${topic}-${partition}, offset ${offset}, is no deployment of ours: send a record without a ` +
      `value under its key ${key}, then deploy with --from or --start`,
  );
}

function parsed(text: string): Partial<Deployment> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Resolves when all in-sync replicas have it. */
export async function writeDeployment(
  options: DeploymentOptions,
  deployment: Deployment,
): Promise<void> {
  const sender = new Sender(options);
  const value = Buffer.from(JSON.stringify(deployment));
  const key = Buffer.from(keyOf(options));
  try {
    await sender.send([{ topic: options.progressTopic, key, value }]);
  } finally {
    await sender.close();
  }
}

/** The newest complete checkpoint of a job below a directory of this machine; null: none. */
export function newestCheckpoint(directory: string, jobId: string): string | null {
  if (!directory.startsWith('file:') && !directory.startsWith('/')) return null;
  const path = directory.startsWith('file:') ? fileURLToPath(directory) : directory;
  const folder = join(path, jobId);
  if (!existsSync(folder)) return null;
  const numbers = readdirSync(folder)
    .filter((name) => /^chk-\d+$/.test(name) && existsSync(join(folder, name, '_metadata')))
    .map((name) => Number(name.slice(4)));
  if (numbers.length === 0) return null;
  return join(folder, `chk-${Math.max(...numbers)}`);
}
