/** Flink from the Python wheel that holds its jars; what it lacks from Maven; kept in the cache. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, missing } from './artifacts.ts';

export const FLINK_VERSION = '2.2.1';
/** What the wheel lacks. The connector reads zstd by classes that no jar of Flink holds. */
const CONNECTOR = 'org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2';
const ZSTD = 'com.github.luben:zstd-jni:1.5.6-10';
const GATEWAY = `org.apache.flink:flink-sql-gateway:${FLINK_VERSION}`;
const JARS = [CONNECTOR, ZSTD, GATEWAY];
const MAVEN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

export type FlinkFiles = {
  home: string;
  /** Jars of the distribution. */
  lib: string;
  connector: string;
  zstd: string;
  gateway: string;
};

/**
 * Where Flink's files are; fetches them the first time. `say` is told that it takes a while.
 * Throws what pip or Maven said.
 */
export function flinkFiles(say: (sentence: string) => void): FlinkFiles {
  const home = join(cacheDirectory(), `flink-${FLINK_VERSION}`);
  if (!existsSync(home)) fetchFlink(home, say);
  const more = join(home, 'more');
  // One by one: a cache that an older version filled has not all of them.
  for (const jar of JARS) if (!existsSync(join(more, fileOf(jar)))) fetchJar(jar, more);
  const path = (jar: string) => join(more, fileOf(jar));
  return {
    home: join(home, 'pyflink'),
    lib: join(home, 'pyflink', 'lib'),
    connector: path(CONNECTOR),
    zstd: path(ZSTD),
    gateway: path(GATEWAY),
  };
}

/** As Maven names it. */
function fileOf(jar: string): string {
  return `${jar.split(':').slice(1).join('-')}.jar`;
}

/** Whole or not at all, also when several fetch at once. */
function fetchJar(jar: string, to: string): void {
  mustHave({ mvn: 'Debian: apt-get install maven' });
  const work = `${to}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    run('mvn', ['-q', '-B', MAVEN, `-Dartifact=${jar}`, `-DoutputDirectory=${work}`], work);
    mkdirSync(to, { recursive: true });
    renameSync(join(work, fileOf(jar)), join(to, fileOf(jar)));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function fetchFlink(home: string, say: (sentence: string) => void): void {
  mustHave({
    mvn: 'Debian: apt-get install maven',
    python3: 'Debian: apt-get install python3-pip',
  });
  say(`fetching Flink ${FLINK_VERSION} (332 MB, once) …`);
  const work = `${home}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const wheel = `apache-flink-libraries==${FLINK_VERSION}`;
    run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '-d', work, wheel]);
    const [file] = globSync(join(work, '*.whl'));
    run('python3', ['-m', 'zipfile', '-e', file, work]);
    rmSync(file);
    // Two that fetch at once end with the same files; the later one finds the folder there.
    if (!existsSync(home)) renameSync(work, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function mustHave(commands: Record<string, string>): void {
  const lacking = missing(commands);
  if (lacking !== null) throw new Error(lacking);
}

function run(command: string, args: string[], cwd?: string): void {
  const done = spawnSync(command, args, { encoding: 'utf8', cwd });
  const said = `${done.error?.message ?? ''}${done.stdout ?? ''}${done.stderr ?? ''}`;
  if (done.status !== 0) throw new Error(`${command} failed:\n${said}`);
}
