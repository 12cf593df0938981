/** What is remembered of the last deployment: a record of the compacted progress topic. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from '../config.ts';
import type { Deployment } from '../flink/deploy.ts';
import { readTopic } from '../sources/kafka/reader.ts';
import { Sender } from '../sources/kafka/sender.ts';

function keyOf(options: Options): string {
  return JSON.stringify({ deployment: options.jobName });
}

/** The last deployment of the job; null: there was none. */
export async function readDeployment(options: Options): Promise<Deployment | null> {
  const signal = new AbortController().signal;
  const plan = { topic: options.progressTopic, from: 'earliest', toEnd: true, signal } as const;
  let last: Deployment | null = null;
  const key = keyOf(options);
  for await (const record of readTopic(options, plan))
    if (record.key?.toString() === key) last = JSON.parse(record.value.toString()) as Deployment;
  return last;
}

/** Resolves when all in-sync replicas have it. */
export async function writeDeployment(options: Options, deployment: Deployment): Promise<void> {
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
