/** Flink from the Python wheel that holds its jars, and two jars from Maven; kept in the cache. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, missing } from './artifacts.ts';

export const FLINK_VERSION = '2.2.1';
/** What the wheel lacks. */
const JARS = ['flink-sql-connector-kafka:5.0.0-2.2', `flink-sql-gateway:${FLINK_VERSION}`];
const MAVEN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

export type FlinkFiles = {
  home: string;
  /** Jars of the distribution. */
  lib: string;
  connector: string;
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
  const jar = (name: string) => join(more, `${name.replace(':', '-')}.jar`);
  return {
    ...{ home: join(home, 'pyflink'), lib: join(home, 'pyflink', 'lib') },
    ...{ connector: jar(JARS[0]), gateway: jar(JARS[1]) },
  };
}

function fetchFlink(home: string, say: (sentence: string) => void): void {
  const lacking = missing({
    mvn: 'Debian: apt-get install maven',
    python3: 'Debian: apt-get install python3-pip',
  });
  if (lacking !== null) throw new Error(lacking);
  say(`fetching Flink ${FLINK_VERSION} (325 MB, once) …`);
  const work = `${home}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const wheel = `apache-flink-libraries==${FLINK_VERSION}`;
    run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '-d', work, wheel]);
    const [file] = globSync(join(work, '*.whl'));
    run('python3', ['-m', 'zipfile', '-e', file, work]);
    rmSync(file);
    for (const jar of JARS) {
      const flags = ['-q', '-B', MAVEN, `-Dartifact=org.apache.flink:${jar}`];
      run('mvn', [...flags, `-DoutputDirectory=${join(work, 'more')}`], work);
    }
    // Two that fetch at once end with the same files; the later one finds the folder there.
    if (!existsSync(home)) renameSync(work, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command: string, args: string[], cwd?: string): void {
  const done = spawnSync(command, args, { encoding: 'utf8', cwd });
  const said = `${done.error?.message ?? ''}${done.stdout ?? ''}${done.stderr ?? ''}`;
  if (done.status !== 0) throw new Error(`${command} failed:\n${said}`);
}
