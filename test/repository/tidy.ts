/**
 * The rules of the repository as functions over text: each takes files and returns what is wrong,
 * one sentence a violation that names the file and says what to do instead. Those about imports
 * are in `imports.ts`.
 */
import { type SourceFile, specifiers, withoutComments } from './imports.ts';

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

/** Titles, patterns and sample records of tests are easier to read unbroken. */
const isTestText = (path: string, line: string) =>
  /^test\//.test(path) && /['"`/].+['"`/]/.test(line);

/** Files but those of tests have at most 250 lines, and no line has more than 100 columns. */
export function lengths(files: readonly SourceFile[]): string[] {
  const wrong: string[] = [];
  for (const { path, text } of files) {
    const lines = text.replace(/\n$/, '').split('\n');
    if (!path.startsWith('test/') && lines.length > 250)
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
  ioredis: '@redis/client',
  'prom-client': '@prometheus-io/client',
  express: 'fastify',
};

type Manifest = Record<string, Record<string, string> | undefined>;
const SECTIONS = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];

/** Names of every package a manifest asks for. */
function packagesOf(manifest: Manifest): string[] {
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

/** Spread, a literal packs lines and hides a property too many from the compiler. */
export function spreadLiterals(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        /(^|[{(,])\s*\.\.\.\{/.test(line)
          ? [`${path}:${i + 1}: write the properties themselves`]
          : [],
      ),
  );
}

/** Lists of `fast-check` itself have ten items at most, whatever a test says. */
export function shortLists(files: readonly SourceFile[]): string[] {
  const ours = 'test/support/fast-check.ts';
  return files
    .filter(({ path, text }) => path !== ours && specifiers(text).includes('fast-check'))
    .map(({ path }) => `${path}: import fc from ${ours}, whose lists are as long as they say`);
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
