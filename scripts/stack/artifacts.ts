/** The jars of Kafka from Maven's repositories, fetched once and kept in a cache. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const KAFKA_VERSION = '4.2.1';
const LOG4J_VERSION = '2.25.4';

/** Where fetched files stay: `CLICKRATE_STACK_CACHE`, or a folder in the user's cache. */
export function cacheDirectory(): string {
  const given = process.env.CLICKRATE_STACK_CACHE;
  if (given) return given;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'clickrate');
}

/** Group, name, version. */
export type Artifact = readonly [string, string, string];
const KAFKA: Artifact[] = [
  ['org.apache.kafka', 'kafka_2.13', KAFKA_VERSION],
  ['org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION],
];

/** A Maven project that needs the artifacts and makes nothing. */
function pom(artifacts: readonly Artifact[]): string {
  const tag = (name: string, text: string) => `<${name}>${text}</${name}>`;
  const dependency = ([group, artifact, version]: Artifact) =>
    tag(
      'dependency',
      tag('groupId', group) + tag('artifactId', artifact) + tag('version', version),
    );
  const own =
    tag('modelVersion', '4.0.0') +
    tag('groupId', 'clickrate') +
    tag('artifactId', 'stack') +
    tag('version', '1') +
    tag('packaging', 'pom');
  return tag('project', own + tag('dependencies', artifacts.map(dependency).join('')));
}

/** What is missing on this machine to run `commands`, in one sentence; null: nothing. */
export function missing(commands: Record<string, string>): string | null {
  for (const [command, from] of Object.entries(commands)) {
    const { error } = spawnSync(command, ['--version'], { stdio: 'ignore' });
    if (error !== undefined) return `${command} is not installed (${from})`;
  }
  return null;
}

/** The folder with Kafka's jars; see `mavenJars`. */
export function kafkaJars(say: (sentence: string) => void): string {
  const waiting = `fetching Kafka ${KAFKA_VERSION} (43 MB, once) …`;
  return mavenJars(`kafka-${KAFKA_VERSION}`, KAFKA, waiting, say);
}

/**
 * The folder of the cache with those artifacts and what they need; fetches them with Maven the
 * first time, of which `say` is told. Throws what Maven said.
 */
export function mavenJars(
  folder: string,
  artifacts: readonly Artifact[],
  waiting: string,
  say: (sentence: string) => void,
): string {
  const libs = join(cacheDirectory(), folder);
  if (existsSync(libs)) return libs;
  const lacking = missing({ mvn: 'Debian: apt-get install maven' });
  if (lacking !== null) throw new Error(lacking);
  say(waiting);
  const work = `${libs}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    writeFileSync(join(work, 'pom.xml'), pom(artifacts));
    const goal = 'dependency:copy-dependencies';
    const flags = ['-q', '-B', '-DincludeScope=runtime', `-DoutputDirectory=${join(work, 'libs')}`];
    const done = spawnSync('mvn', [goal, ...flags, '-f', join(work, 'pom.xml')], {
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`maven failed:\n${done.stdout}${done.stderr}`);
    // Two that fetch at once end with the same files; the later one finds the folder there.
    if (!existsSync(libs)) renameSync(join(work, 'libs'), libs);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return libs;
}
