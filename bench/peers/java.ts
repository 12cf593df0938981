/** The peers that Kafka itself brings: its performance test, and a job of Kafka Streams. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KAFKA_VERSION, mavenJars } from '../../scripts/stack/artifacts.ts';
import { outputOf, start } from '../../test/support/processes.ts';
import type { ReadSample } from '../kafka.ts';
import { cpuSecondsOf, peakMbOf } from '../measure.ts';

const SOURCE = fileURLToPath(new URL('./streams/StreamsPeer.java', import.meta.url));
const LONGEST_MS = 600_000;
const LOOK_MS = 20;

export function peerJars(): string {
  return mavenJars(
    `kafka-peers-${KAFKA_VERSION}`,
    [
      ['org.apache.kafka', 'kafka-tools', KAFKA_VERSION],
      ['org.apache.kafka', 'kafka-streams', KAFKA_VERSION],
      ['org.slf4j', 'slf4j-nop', '1.7.36'],
    ],
    `fetching Kafka Streams and Kafka's tools ${KAFKA_VERSION} (120 MB, once) …`,
    (sentence) => process.stderr.write(`${sentence}\n`),
  );
}

/** `kafka-consumer-perf-test`: reads one topic and does nothing with it. Its start is counted. */
export async function perfTest(
  bootstrap: string,
  topic: string,
  records: number,
): Promise<ReadSample> {
  const main = 'org.apache.kafka.tools.ConsumerPerformance';
  const flags = ['--bootstrap-server', bootstrap, '--topic', topic, '--messages', String(records)];
  const java = ['-Xmx512m', '-cp', join(peerJars(), '*'), main];
  const child = start('java', [...java, ...flags, '--timeout', '60000']);
  const pid = child.process.pid as number;
  let last: ReadSample = { cpuPerMillion: 0, peakMb: 0 };
  let isOver = false;
  void child.ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    try {
      const cpuPerMillion = (cpuSecondsOf(pid) / records) * 1e6;
      const peakMb = peakMbOf(pid);
      if (peakMb > 0) last = { cpuPerMillion, peakMb };
    } catch {
      // It ended between two looks.
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  if ((await child.ended) !== 0) throw new Error(`the performance test:\n${child.output()}`);
  return last;
}

/** Kafka Streams over `records` of the topics, from the first record to the last. */
export async function streams(
  bootstrap: string,
  topics: readonly string[],
  results: string,
  records: number,
): Promise<ReadSample> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-streams-'));
  const libs = join(peerJars(), '*');
  try {
    const made = spawnSync('javac', ['-cp', libs, '-d', directory, SOURCE], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`javac:\n${made.stderr}`);
    const path = ['-Xmx512m', `-Djava.io.tmpdir=${directory}`, '-cp', `${libs}:${directory}`];
    const args = [bootstrap, topics.join(), results, String(records)];
    const child = start('java', [...path, 'StreamsPeer', ...args]);
    try {
      const [line] = await outputOf(child, /\{"read".*\}/, LONGEST_MS);
      const { cpuSeconds } = JSON.parse(line) as { cpuSeconds: number };
      const peakMb = peakMbOf(child.process.pid as number);
      return { cpuPerMillion: (cpuSeconds / records) * 1e6, peakMb };
    } finally {
      await child.kill();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
