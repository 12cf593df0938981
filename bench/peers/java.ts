/** The peers that Kafka itself brings: its performance test, and a job of Kafka Streams. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KAFKA_VERSION, mavenJars } from '../../scripts/stack/artifacts.ts';
import { outputOf, start } from '../../test/support/processes.ts';
import { cpuSecondsOf, sleep } from '../measure.ts';
import { peakMbOf } from '../peak.ts';
import type { Run } from '../slope.ts';

const SOURCE = fileURLToPath(new URL('./streams/StreamsPeer.java', import.meta.url));
const LONGEST_MS = 600_000;
const LOOK_MS = 20;
/** With twice as much, or with less, neither took less CPU time or memory here. */
const HEAP = '-Xmx256m';

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

/** `kafka-consumer-perf-test`: reads one topic and does nothing with it. */
export async function perfTest(bootstrap: string, topic: string, events: number): Promise<Run> {
  const main = 'org.apache.kafka.tools.ConsumerPerformance';
  const flags = ['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', `${events}`];
  const java = [HEAP, '-cp', join(peerJars(), '*'), main];
  const child = start('java', [...java, ...flags, '--timeout', '60000']);
  const pid = child.process.pid as number;
  const last = { events, cpuSeconds: 0, peakMb: 0 };
  let isOver = false;
  void child.ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    try {
      const [cpuSeconds, peakMb] = [cpuSecondsOf(pid), peakMbOf(pid)];
      if (peakMb > 0) Object.assign(last, { cpuSeconds, peakMb });
    } catch {
      // It ended between two looks.
    }
    await sleep(LOOK_MS);
  }
  if ((await child.ended) !== 0) throw new Error(`the performance test:\n${child.output()}`);
  return last;
}

/** Makes classes of the job in `directory`. */
export function compileStreams(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const args = ['-cp', join(peerJars(), '*'), '-d', directory, SOURCE];
  const made = spawnSync('javac', args, { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`javac:\n${made.stderr}`);
}

/** Kafka Streams over the first `events` of the topics; `directory` has its classes. */
export async function streams(
  directory: string,
  bootstrap: string,
  topics: readonly string[],
  results: string,
  events: number,
): Promise<Run> {
  const path = `${join(peerJars(), '*')}:${directory}`;
  const flags = [HEAP, `-Djava.io.tmpdir=${directory}`, '-cp', path];
  const args = [bootstrap, topics.join(), results, String(events)];
  const child = start('java', [...flags, 'StreamsPeer', ...args]);
  try {
    const [line] = await outputOf(child, /\{"read".*\}/, LONGEST_MS);
    const { cpuSeconds } = JSON.parse(line) as { cpuSeconds: number };
    return { events, cpuSeconds, peakMb: peakMbOf(child.process.pid as number) };
  } finally {
    await child.kill();
  }
}
