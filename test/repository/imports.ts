/**
 * The rules about imports: what may import what (the table of docs/ARCHITECTURE.md), no cycles, no
 * file that nothing uses, no clock and no I/O in decode and engine. Each takes files and returns
 * what is wrong, one sentence a violation that names the file and says what to do instead.
 */
import { posix } from 'node:path';

/** Path relative to the repository, with forward slashes, and its text. */
export type SourceFile = { path: string; text: string };
export type Import = { from: string; to: string };

/** The text without comments, line by line as before; strings stay. */
export function withoutComments(text: string): string {
  // Strings and regular expressions are matched first, so that `//` inside them starts nothing.
  const token = new RegExp(
    [
      /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/,
      /\/\*[\s\S]*?\*\/|\/\/[^\n]*/,
      /(?<=[(,=:[!&|?{};]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//,
    ]
      .map((part) => part.source)
      .join('|'),
    'g',
  );
  return text.replace(token, (found) =>
    found.startsWith('/*') || found.startsWith('//') ? found.replace(/[^\n]/g, ' ') : found,
  );
}

/** Every module a file names: static, type-only, side-effect and dynamic imports, re-exports. */
export function specifiers(text: string): string[] {
  const found: string[] = [];
  const code = withoutComments(text);
  const patterns = [
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  for (const pattern of patterns)
    for (const match of code.matchAll(pattern)) found.push(match[1] as string);
  return found;
}

/** Imports between files of the repository. */
function localImports(files: readonly SourceFile[]): Import[] {
  return files.flatMap(({ path, text }) =>
    specifiers(text)
      .filter((name) => name.startsWith('.'))
      .map((name) => ({ from: path, to: posix.join(posix.dirname(path), name) })),
  );
}

export function brokenImports(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  return localImports(files)
    .filter(({ from, to }) => from.startsWith('src/') && to.endsWith('.ts') && !known.has(to))
    .map(({ from, to }) => `${from}: imports ${to}, which does not exist`);
}

/** Values that a file exports and no file imports: dead, or only its own. Types may be both. */
export function unusedExports(files: readonly SourceFile[]): string[] {
  const importers = new Map<string, string>();
  for (const { path, text } of files)
    for (const { to } of localImports([{ path, text }]))
      importers.set(to, `${importers.get(to) ?? ''}${withoutComments(text)}`);
  const pattern = /^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm;
  return files.flatMap(({ path, text }) =>
    [...withoutComments(text).matchAll(pattern)]
      .filter(([, name]) => !new RegExp(`\\b${name}\\b`).test(importers.get(path) ?? ''))
      .map(([, name]) => `${path}: ${name} is exported, and nobody imports it`),
  );
}

/** A row: these files and folders (under src) may import those beside themselves. */
export type ImportRow = { who: string[]; may: string[]; rule: string };

/**
 * The rows of "What may import what". A path is a folder of src (`api/`) or a file (`clock.ts`).
 * The first cell may give its paths a name before a colon, which later cells use for them; `shared
 * words` are all that have a name, `anything` is all of src.
 */
export function importRows(document: string): ImportRow[] {
  const [, section = ''] = document.split('\n## What may import what\n');
  const lines = section.split('\n## ')[0]?.split('\n') ?? [];
  const cells = lines.filter((line) => /^\|.*`/.test(line)).map((line) => line.split('|'));
  const pathsOf = (cell: string) =>
    [...cell.matchAll(/`([\w./-]+(?:\/|\.ts))`/g)].map(([, name]) => name!);
  const named = new Map<string, string[]>();
  for (const [, who = ''] of cells) {
    const [name, paths] = who.split(':');
    if (paths !== undefined) named.set(name!.trim(), pathsOf(paths));
  }
  named.set('shared words', [...named.values()].flat());
  named.set('anything', ['']);
  return cells.map(([, who = '', what = '']) => {
    const groups = [...named].filter(([name]) => what.includes(name)).flatMap(([, paths]) => paths);
    const subject = who.split(':')[0]!.trim();
    return {
      who: pathsOf(who),
      may: [...pathsOf(what), ...groups],
      rule: `${subject} may import: ${what.trim()} (docs/ARCHITECTURE.md)`,
    };
  });
}

/** Imports that the rows do not allow, and files of src that no row speaks of. */
export function importTable(files: readonly SourceFile[], rows: readonly ImportRow[]): string[] {
  const wrong: string[] = [];
  const isOf = (one: string, path: string) =>
    path === `src/${one}` || (/(^|\/)$/.test(one) && path.startsWith(`src/${one}`));
  for (const file of files.filter(({ path }) => path.startsWith('src/'))) {
    const { path } = file;
    const row = rows.find(({ who }) => who.some((one) => isOf(one, path)));
    if (row === undefined) {
      wrong.push(`${path}: is in no row of the import table; move it, or extend the table`);
      continue;
    }
    for (const { to } of localImports([file])) {
      // package.json lies outside src; only the CLI may look there.
      if (path.startsWith('src/cli/') && !to.startsWith('src/')) continue;
      if (![...row.who, ...row.may].some((one) => isOf(one, to)))
        wrong.push(`${path}: imports ${to}; ${row.rule}`);
    }
  }
  return wrong;
}

const IMPURE: { what: RegExp; instead: string }[] = [
  { what: /\basync\b|\bawait\b|\bPromise\b/, instead: 'the caller steps it; do I/O outside' },
  { what: /\bDate\b|\bperformance\b/, instead: 'take the time as an argument' },
  { what: /\bMath\.random\b|\brandomUUID\b/, instead: 'take the random value as an argument' },
  { what: /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, instead: 'no timers here' },
  { what: /\bprocess\.|\bconsole\./, instead: 'return it as a value' },
];

/**
 * decode/ and engine/ are pure, and so is every file they reach by imports: no modules of Node but
 * Buffer, no packages, no async, clock or randomness.
 */
export function purity(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  const isPure = /^src\/(decode|engine)\//;
  const reached = reachedFrom(
    files.map(({ path }) => path).filter((path) => isPure.test(path)),
    localImports(files),
  );
  for (const { path, text } of files.filter((file) => reached.has(file.path))) {
    const where = isPure.test(path) ? path : `${path} (which decode/ or engine/ reaches)`;
    for (const name of specifiers(text))
      if (!name.startsWith('.') && name !== 'node:buffer')
        wrong.push(`${where}: imports ${name}; only node:buffer may be used there`);
    withoutComments(text)
      .split('\n')
      .forEach((line, i) => {
        const code = line.replace(/'[^']*'|"[^"]*"/g, '');
        for (const { what, instead } of IMPURE)
          if (what.test(code)) wrong.push(`${where}:${i + 1}: ${what.source}; ${instead}`);
      });
  }
  return wrong;
}

/** These files, and all that they reach. */
function reachedFrom(begin: readonly string[], links: readonly Import[]): Set<string> {
  const reached = new Set(begin);
  for (const path of reached) for (const { from, to } of links) if (from === path) reached.add(to);
  return reached;
}

/** Cycles of imports between values or types, each named once. */
export function cycles(files: readonly SourceFile[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of localImports(files)) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      const cycle = [...trail.slice(at), path].join(' → ');
      found.push(`${cycle}: an import cycle; move what both need into a third file`);
      return;
    }
    if (done.has(path)) return;
    for (const to of next.get(path) ?? []) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return found;
}

/** Files that a text names from beside itself or from the root: `./child.ts`, `bench/latency.ts`. */
function named({ path, text }: SourceFile, pattern: RegExp): Import[] {
  return [...text.matchAll(pattern)].flatMap(([, name]) => [
    { from: path, to: posix.join(posix.dirname(path), name!) },
    { from: path, to: posix.normalize(name!) },
  ]);
}

/**
 * Files that nothing started from `starters` imports or starts. Starters are texts such as
 * package.json, shell scripts and the page; a file names what it starts as a whole string.
 */
export function unreachable(
  files: readonly SourceFile[],
  starters: readonly SourceFile[],
): string[] {
  const links = [
    ...starters.flatMap((file) => named(file, /([\w./-]+\.(?:tsx?|mjs))\b/g)),
    ...files.flatMap(({ path, text }) =>
      named({ path, text: withoutComments(text) }, /['"]([\w./-]+\.(?:tsx?|mjs))['"]/g),
    ),
  ];
  const reached = reachedFrom(
    starters.map(({ path }) => path),
    links,
  );
  return files
    .map((file) => file.path)
    .filter((path) => !path.startsWith('test/') && !path.endsWith('.d.ts') && !reached.has(path))
    .map((path) => `${path}: nothing that is started reaches it; use it or delete it`);
}
