/**
 * Short test files share a process: to start one and to load what it tests takes most of their
 * time. Their tests run one after the other, as they do in a process of their own.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Few enough that all processes have something to do to the end. */
const FILES = 10;
/** What changes or measures a process, or uses its memory of code up: such a file has its own. */
const ITS_OWN = [
  /\bmock\b|\bglobalThis\b|setFlagsFromString|memoryUsage|cpuUsage|code-memory/,
  /\bprocess\.(argv|env\.\w+ =|(on|once|emit|exit|exitCode|chdir)\b)/,
];

/** The files to run for all of `paths`, in their order: those that share a process are one. */
export function together(paths: readonly string[]): string[] {
  const alone = (path: string) => {
    const text = readFileSync(path, 'utf8');
    return ITS_OWN.some((words) => words.test(text));
  };
  const shared = paths.filter((path) => !alone(path));
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-together-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const all = paths.filter(alone);
  for (let at = 0; at < shared.length; at += FILES) {
    // Imported by one file, all are loaded before the first test begins.
    const imports = shared.slice(at, at + FILES).map((path) => pathToFileURL(path).href);
    const file = join(directory, `${all.length}.mjs`);
    writeFileSync(file, imports.map((url) => `import ${JSON.stringify(url)};\n`).join(''));
    all.push(file);
  }
  return all;
}
