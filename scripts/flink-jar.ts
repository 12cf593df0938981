/**
 * `npm run flink:jar`: the functions of the Flink job as `flink/clickrate-flink.jar`, compiled
 * against Flink's own jars. Made anew only when a source is newer; the same sources give the same
 * bytes.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { argumentsOf } from './arguments.ts';
import { flinkFiles } from './stack/flink-artifacts.ts';

const FLINK = fileURLToPath(new URL('../flink/', import.meta.url));
const FLINK_JAR = join(FLINK, 'clickrate-flink.jar');
/** The oldest Java that Flink 2.2 runs on. */
const RELEASE = '11';
const LINT = ['-Xlint:all,-processing,-serial', '-Werror', '-proc:none'];

/** Makes the jar unless it is there and newer than its sources; its path. */
export function flinkJar(say: (sentence: string) => void): string {
  const sources = globSync(join(FLINK, 'src/**/*.java')).sort();
  const madeMs = existsSync(FLINK_JAR) ? statSync(FLINK_JAR).mtimeMs : 0;
  if (sources.every((file) => statSync(file).mtimeMs < madeMs)) return FLINK_JAR;
  const classes = mkdtempSync(join(tmpdir(), 'clickrate-flink-'));
  try {
    compileJava(sources, classes, say);
    const date = '--date=2026-01-01T00:00:00Z';
    run('jar', ['--create', '--no-manifest', '--file', FLINK_JAR, date, '-C', classes, '.']);
  } finally {
    rmSync(classes, { recursive: true, force: true });
  }
  return FLINK_JAR;
}

/** Compiles with warnings as errors. Throws what the compiler said. */
export function compileJava(
  sources: readonly string[],
  to: string,
  say: (sentence: string) => void,
): void {
  const path = join(flinkFiles(say).lib, '*');
  run('javac', ['--release', RELEASE, ...LINT, '-cp', path, '-d', to, ...sources]);
}

function run(command: string, args: string[]): void {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  const said = `${done.error?.message ?? ''}${done.stdout ?? ''}${done.stderr ?? ''}`;
  if (done.status !== 0) throw new Error(`${command} failed:\n${said}`);
}

if (import.meta.main) {
  argumentsOf(
    {},
    'npm run flink:jar   compiles flink/clickrate-flink.jar, unless it is newer than flink/src',
  );
  const say = (sentence: string) => process.stderr.write(`${sentence}\n`);
  try {
    say(flinkJar(say));
  } catch (error) {
    say(`flink:jar: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
