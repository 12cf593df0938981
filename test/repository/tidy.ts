/**
 * The rules of the repository as functions over text: each takes files and returns what is wrong,
 * one sentence a violation that names the file and says what to do instead.
 */
import { posix } from 'node:path';

/** Path relative to the repository, with forward slashes, and its text. */
export type SourceFile = { path: string; text: string };
export type Import = { from: string; to: string };

/** The shared words: they may import each other, and everybody may import them. */
const SHARED =
  /^src\/(event|result|clock|errors|config|metrics|histogram|status|log|sqlite(-\w+)?|calendar|history|crc32c|seal|text-bytes|wasm|code-memory)\.ts$/;

/** Who may import what of src; the first row that fits counts. */
const MAY_IMPORT: { who: RegExp; what: RegExp[]; rule: string }[] = [
  { who: SHARED, what: [], rule: 'a shared word imports shared words only' },
  { who: /^src\/decode\//, what: [/^src\/decode\//], rule: 'decode/ imports shared words only' },
  {
    who: /^src\/engine\//,
    what: [/^src\/engine\//, /^src\/decode\/columns\.ts$/],
    rule: 'engine/ imports shared words and decode/columns.ts only',
  },
  {
    who: /^src\/sources\//,
    what: [/^src\/sources\//],
    rule: 'sources/ imports shared words and its own contract only',
  },
  {
    who: /^src\/stores\//,
    what: [/^src\/stores\//],
    rule: 'stores/ imports shared words and its own contract only',
  },
  {
    who: /^src\/pipeline(\.ts$|\/)/,
    what: [
      /^src\/pipeline(\.ts$|\/)/,
      /^src\/(decode|engine)\//,
      /^src\/sources\/source\.ts$/,
      /^src\/stores\/store\.ts$/,
    ],
    rule: 'the pipeline imports the two contracts, never a concrete source or store: hand it in',
  },
  {
    who: /^src\/api\//,
    what: [/^src\/api\//, /^src\/stores\/store\.ts$/],
    rule: 'api/ imports shared words and stores/store.ts only: hand it functions instead',
  },
  { who: /^src\/flink\//, what: [/^src\/flink\//], rule: 'flink/ imports shared words only' },
  {
    who: /^src\/verify\//,
    what: [/^src\/(verify|sources|flink)\//],
    rule: 'verify/ imports shared words, sources/ and flink/ only: never what it holds to account',
  },
  {
    who: /^src\/sink\//,
    what: [
      /^src\/(sink|sources|pipeline|flink)\//,
      /^src\/(engine\/packing|decode\/reference)\.ts$/,
      /^src\/stores\/store\.ts$/,
    ],
    rule: 'sink/ imports what the pipeline and the sources are made of, never a concrete store',
  },
  {
    who: /^src\/repair\//,
    what: [/^src\/(repair|decode|engine)\//, /^src\/stores\/sqlite\/rows\.ts$/],
    rule: 'repair/ imports shared words, decode/, engine/ and stores/sqlite/rows.ts only',
  },
  { who: /^src\/cli\//, what: [/^src\//], rule: '' },
];

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
export function localImports(files: readonly SourceFile[]): Import[] {
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

/** The import table of docs/ARCHITECTURE.md. */
export function importTable(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  for (const { path } of files)
    if (path.startsWith('src/') && !MAY_IMPORT.some(({ who }) => who.test(path)))
      wrong.push(`${path}: is in no folder of the import table; move it, or extend the table`);
  for (const { from, to } of localImports(files)) {
    const row = MAY_IMPORT.find(({ who }) => who.test(from));
    if (row === undefined || SHARED.test(to)) continue;
    // package.json lies outside src; only the CLI may look there.
    if (
      !row.what.some((what) => what.test(to)) &&
      !(from.startsWith('src/cli/') && !/src/.test(to))
    )
      wrong.push(`${from}: imports ${to}; ${row.rule}`);
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

/** decode/ and engine/ are pure: no modules of Node but Buffer, no async, clock or randomness. */
export function purity(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    if (!/^src\/(decode|engine)\//.test(path)) continue;
    for (const name of specifiers(text))
      if (!name.startsWith('.') && name !== 'node:buffer')
        wrong.push(`${path}: imports ${name}; only node:buffer may be used in decode/ and engine/`);
    withoutComments(text)
      .split('\n')
      .forEach((line, i) => {
        const code = line.replace(/'[^']*'|"[^"]*"/g, '');
        for (const { what, instead } of IMPURE)
          if (what.test(code)) wrong.push(`${path}:${i + 1}: ${what.source}; ${instead}`);
      });
  }
  return wrong;
}

/** Only cli/ ends the process, catches signals or writes to the terminal. */
export function onlyCli(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    if (!path.startsWith('src/') || path.startsWith('src/cli/')) continue;
    withoutComments(text)
      .split('\n')
      .forEach((line, i) => {
        if (/\bprocess\.(exit|on|once|argv|env|stdout|stderr)\b|\bconsole\./.test(line))
          wrong.push(`${path}:${i + 1}: the process and the terminal belong to src/cli/`);
      });
  }
  return wrong;
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

/** It says what an event is, and every decoder is held to it; nothing runs it. */
const SPECIFICATION = 'src/decode/reference.ts';

/** Files under src that nothing started from `entry` imports. */
export function unreachable(files: readonly SourceFile[], entry: string): string[] {
  const imports = localImports(files);
  const reached = new Set([entry, SPECIFICATION]);
  for (const path of reached)
    for (const { from, to } of imports) if (from === path) reached.add(to);
  return files
    .map((file) => file.path)
    .filter((path) => path.startsWith('src/') && !path.endsWith('.d.ts') && !reached.has(path))
    .map((path) => `${path}: ${entry} never imports it; use it or delete it`);
}

/** Titles, patterns and sample records of tests are easier to read unbroken. */
const isTestText = (path: string, line: string) =>
  /^test\//.test(path) && /['"`/].+['"`/]/.test(line);

/** Files of src and bench have at most 250 lines, and no line has more than 100 columns. */
export function lengths(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    const lines = text.replace(/\n$/, '').split('\n');
    if (/^(src|bench)\//.test(path) && lines.length > 250)
      wrong.push(`${path}: ${lines.length} lines, at most 250; split it by idea`);
    lines.forEach((line, i) => {
      if ([...line].length > 100 && !isTestText(path, line))
        wrong.push(`${path}:${i + 1}: ${[...line].length} columns, at most 100; break the line`);
    });
  }
  return wrong;
}

const BANNED: Record<string, string> = {
  kafkajs: '@platformatic/kafka',
  ioredis: 'redis',
  'prom-client': '@prometheus-io/client',
  express: 'fastify',
};

type Manifest = Record<string, Record<string, string> | undefined>;
const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Names of every package a manifest asks for. */
export function packagesOf(manifest: Manifest): string[] {
  return SECTIONS.flatMap((section) => Object.keys(manifest[section] ?? {}));
}

export function bannedPackages(manifest: Manifest, files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  const blame = (where: string, name: string) => {
    const instead = BANNED[name];
    if (instead !== undefined) wrong.push(`${where}: ${name} is not used here; use ${instead}`);
  };
  for (const name of packagesOf(manifest)) blame('package.json', name);
  for (const { path, text } of files) for (const name of specifiers(text)) blame(path, name);
  return wrong;
}

/** Every dependency has exactly one line `| \`name\` | why |` in docs/dependencies.md. */
export function dependencyLines(manifest: Manifest, docs: string): string[] {
  const listed = [...docs.matchAll(/^\| `([^`]+)` \| .*\S.* \|$/gm)].map((match) => match[1]!);
  const used = packagesOf(manifest);
  const missing = used.filter((name) => !listed.includes(name));
  const extra = listed.filter((name, i) => !used.includes(name) || listed.indexOf(name) !== i);
  return [
    ...missing.map((name) => `docs/dependencies.md: add one line that says why ${name} is there`),
    ...extra.map((name) => `docs/dependencies.md: ${name} is listed twice or not used; remove it`),
  ];
}

/** docs/errors.md and the table in src/errors.ts say the same, in the same order. */
export function errorLines(
  errors: Record<string, { status: number; retry: boolean; title: string }>,
  docs: string,
): string[] {
  const expected = Object.entries(errors).map(
    ([code, { status, retry, title }]) =>
      `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${title} |`,
  );
  const rows = docs.split('\n').filter((line) => line.startsWith('| `'));
  const heads = rows.map((row) => row.split(' | ').slice(0, 4).join(' | ').concat(' |'));
  const wrong = expected
    .filter((row, i) => heads[i] !== row)
    .map((row) => `docs/errors.md: expected a row that begins "${row}" in the order of errors.ts`);
  if (rows.length > expected.length)
    wrong.push(`docs/errors.md: ${rows.length} rows, but errors.ts has ${expected.length}`);
  for (const row of rows)
    if (!/\S/.test(row.split(' | ')[4]?.replace(/\|$/, '') ?? ''))
      wrong.push(`docs/errors.md: ${row} says not what to do`);
  return wrong;
}

/** Test files that no part of the runner runs, and tests under a name the runner does not see. */
export function unmatchedTests(
  files: readonly SourceFile[],
  runs: (path: string) => boolean,
): string[] {
  return files
    .filter(({ path }) => path.startsWith('test/'))
    .filter(({ path, text }) => path.endsWith('.test.ts') || /from 'node:test'/.test(text))
    .filter(({ path, text }) => !(path.endsWith('.test.ts') && runs(path)) && !isHelper(path, text))
    .map(({ path }) => `${path}: no part of npm test runs it; name it *.test.ts in a test folder`);
}

/** Suites that several test files share are helpers: they export functions and call none. */
function isHelper(path: string, text: string): boolean {
  return !path.endsWith('.test.ts') && !/^(await )?(test|describe|it|suite)\(/m.test(text);
}

/** `slice` of a Buffer is no copy, and what is read into again is mostly one. */
export function sharedSlices(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        /bytes\.slice\(/i.test(line) ? [`${path}:${i + 1}: use copyOf of src/event.ts`] : [],
      ),
  );
}

/** Tests that would be skipped, left for later, or run alone. */
export function leftovers(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  const marks = /\b(TODO|FIXME|XXX)\b|\b(test|it|describe|suite)\.(only|todo)\(/;
  for (const { path, text } of files) {
    if (path.startsWith('test/repository/tidy')) continue;
    text.split('\n').forEach((line, i) => {
      if (marks.test(line)) wrong.push(`${path}:${i + 1}: unfinished; finish it or open an issue`);
    });
  }
  return wrong;
}
