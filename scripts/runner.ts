/** Runs commands and test files, prints how each part went, and adds the counts up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { endWithParent } from './end-with-parent.ts';
import type { Part } from './parts.ts';
import { together } from './together.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

const CACHE = join(ROOT, 'node_modules/.cache/clickrate-tests');
// Most processes load the same modules: compiled once, not by each.
process.env.NODE_COMPILE_CACHE ??= CACHE;

/** Of quick tests a tenth went to collecting garbage before there was much of it. */
const LARGE_YOUNG_SPACE = ['--min-semi-space-size=32', '--max-semi-space-size=64'];

// Without npm, one that was started in the background outlives its shell.
if (process.env.npm_lifecycle_event !== undefined) endWithParent();

export type Tally = { passed: number; failed: number; skipped: string[] };

export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: [] };
}

export function add(to: Tally, more: Tally): void {
  to.passed += more.passed;
  to.failed += more.failed;
  to.skipped.push(...more.skipped);
}

/** Every test file, relative to the root, with forward slashes. */
export function testFiles(): string[] {
  const found = globSync('test/**/*.test.ts', { cwd: ROOT });
  return found.map((path) => path.replaceAll('\\', '/')).sort();
}

/** Format and lint of every file. */
export function runBiome(): Promise<Tally> {
  const args = ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=20', '.'];
  return runCommand('biome', '@biomejs/biome/bin/biome', args);
}

/** Types of every file. */
export async function runTypes(): Promise<Tally> {
  const tally = await runCommand('types', 'typescript/bin/tsc', typesOf('types'));
  // The page runs in a browser, so it is checked against a browser's types.
  const page = [...typesOf('page'), '-p', 'dashboard'];
  add(tally, await runCommand('types of the page', 'typescript/bin/tsc', page));
  return tally;
}

/** Only what has changed since is looked at again, and what takes its types from that. */
function typesOf(name: string): string[] {
  return ['--noEmit', '--incremental', '--tsBuildInfoFile', join(CACHE, `${name}.tsbuildinfo`)];
}

/** A program of node_modules as one check: passed when it exits with 0. */
async function runCommand(name: string, script: string, args: string[]): Promise<Tally> {
  const started = performance.now();
  const bin = join(ROOT, 'node_modules', '.bin');
  const child = spawn(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  const [status] = await once(child, 'close');
  const ok = status === 0;
  if (!ok) process.stdout.write(output);
  const tally = { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
  report(name, tally, performance.now() - started);
  return tally;
}

/** Test files, `concurrency` processes at a time; quick ones share some. */
export async function runTests(part: Part, paths: string[], concurrency: number): Promise<Tally> {
  const started = performance.now();
  const tally = emptyTally();
  const each = paths.filter(part.takes).map((path) => join(ROOT, path));
  const files = part.quick ? together(each) : each;
  const execArgv = part.quick ? LARGE_YOUNG_SPACE : [];
  for await (const event of run({ files, concurrency, cwd: ROOT, execArgv })) {
    if (event.type === 'test:fail') {
      const { file = '', details, name: test } = event.data;
      // A suite, or a file, that fails because of a test inside it is no failure of its own.
      if (isFromInside(details.error)) continue;
      tally.failed += 1;
      const cause = details.error.cause ?? details.error;
      const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
      process.stdout.write(`\n✖ ${relative(ROOT, file)}: ${test}\n${text}\n\n`);
    } else if (event.type === 'test:pass' && event.data.details.type !== 'suite') {
      const { skip, todo, file = '', name: test } = event.data;
      if (skip === undefined && todo === undefined) tally.passed += 1;
      else tally.skipped.push(`${relative(ROOT, file)}: ${test}: ${skip ?? todo}`);
    } else if (event.type === 'test:diagnostic' && !/^[a-z_]+ [\d.]+$/.test(event.data.message)) {
      process.stdout.write(`  ${event.data.message}\n`);
    } else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      process.stdout.write(event.data.message);
    }
  }
  report(part.name, tally, performance.now() - started);
  return tally;
}

/** How many test processes run side by side where their timing does not matter: one may wait. */
export function sideBySide(): number {
  return availableParallelism() + 1;
}

function isFromInside(error: Error & { failureType?: string }): boolean {
  return error.failureType === 'subtestsFailed';
}

function report(name: string, tally: Tally, ms: number): void {
  const mark = tally.failed === 0 ? '✔' : '✖';
  const skipped = tally.skipped.length > 0 ? `, ${tally.skipped.length} skipped` : '';
  const counts = `${tally.passed} passed, ${tally.failed} failed${skipped}`;
  process.stdout.write(`${mark} ${name.padEnd(24)} ${(ms / 1000).toFixed(1)} s  ${counts}\n`);
}

/**
 * Prints reasons of skipped tests and the last line; says the exit code. With `CI=true` nothing
 * may be skipped: a machine that cannot run a test has not shown that it passes.
 */
export function finish(tally: Tally): number {
  const { passed, failed, skipped } = tally;
  for (const reason of skipped) process.stdout.write(`skipped: ${reason}\n`);
  const strict = skipped.length > 0 && process.env.CI === 'true';
  if (strict) process.stdout.write('with CI=true a skipped test is a failure\n');
  const end = skipped.length > 0 ? `, ${skipped.length} skipped` : '';
  process.stdout.write(`${passed} passed, ${failed} failed${end}\n`);
  return failed > 0 || strict || passed === 0 ? 1 : 0;
}
