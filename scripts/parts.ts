/** The parts of `npm test`: which test files run together, and which of them `check` runs too. */

export type Part = {
  name: string;
  /** Quick enough for `npm run check`. */
  quick: boolean;
  /** Only with `--long`. */
  long: boolean;
  /** Files that may run at the same time, at most as many as the machine has cores for. */
  atOnce: number;
  takes(path: string): boolean;
};

/** Folders of test/ whose tests are quick, except files named *.slow.test.ts. */
const QUICK = [
  'decode',
  'job',
  'engine',
  'pipeline',
  'result',
  'cli',
  'sources',
  'sink',
  'stores',
  'api',
  'repository',
  'page',
  'verify',
  'operations',
  'hostile',
  'bench',
];
/** Folders whose tests wait most of the time: for servers, processes, windows. */
const WAITING = ['e2e', 'kafka'];
/** Folders that hold no tests of their own. */
const NO_TESTS = ['support', 'data'];

const folderOf = (path: string) => path.split('/')[1] ?? '';
const isTest = (path: string) => path.startsWith('test/') && path.endsWith('.test.ts');
const isSlow = (path: string) => path.endsWith('.slow.test.ts');

/** One part for the quick tests, one a folder for the others; paths are relative to the root. */
export function partsOf(paths: readonly string[]): Part[] {
  const isQuick = (path: string) => QUICK.includes(folderOf(path)) && !isSlow(path);
  const rest = paths.filter((path) => isTest(path) && !isQuick(path));
  const folders = [...new Set(rest.map(folderOf))].filter((name) => !NO_TESTS.includes(name));
  return [
    {
      name: 'unit',
      quick: true,
      long: false,
      atOnce: Number.POSITIVE_INFINITY,
      takes: (path) => isTest(path) && isQuick(path),
    },
    ...folders.sort().map((name) => ({
      name: QUICK.includes(name) ? `${name} (slow)` : name,
      quick: false,
      long: name === 'long',
      atOnce: WAITING.includes(name) ? 2 : 1,
      takes: (path: string) => isTest(path) && !isQuick(path) && folderOf(path) === name,
    })),
  ];
}
