/**
 * `npm run audit`: known holes in what we depend on, asked of the registry. A high one in what runs
 * (in the bundle, or installed beside it) fails, one in what only development needs is told. A
 * registry that does not answer is said, and is no failure: it says nothing about this tree.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { argumentsOf, misused } from './arguments.ts';
import { packagesIn } from './licences.ts';

/** How many findings fail, and the sentence to print. */
export type Audit = { failing: number; text: string };

type Report = {
  metadata?: { vulnerabilities: Record<string, number> };
  vulnerabilities?: Record<string, { name: string; severity: string; range: string }>;
  message?: string;
  error?: { summary?: string; code?: string };
};

const FAILING = ['high', 'critical'];
const WAIT_MS = 60_000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Names the packages of the bundle; `preaudit` builds it. */
const LICENCES = `${ROOT}dist/cli/licenses.txt`;
const HELP = `npm run audit -- [licences]

  licences   the file that names the packages of the bundle (dist/cli/licenses.txt)`;

/**
 * What `npm audit --json` printed, judged, of all packages or of those with one of `names`; npm
 * passes on whatever the registry said.
 */
export function judged(output: string, names?: readonly string[]): Audit {
  let report: Report | null;
  try {
    report = JSON.parse(output) as Report | null;
  } catch {
    return { failing: 0, text: 'not audited: npm audit gave no report' };
  }
  if (report?.metadata?.vulnerabilities === undefined) {
    const { message, error } = report ?? {};
    const why = message || error?.summary || error?.code || 'no report';
    return { failing: 0, text: `not audited, the registry does not answer: ${why}` };
  }
  const holes = Object.values(report.vulnerabilities ?? {}).filter(
    ({ name }) => names === undefined || names.includes(name),
  );
  const lines = holes.map(
    ({ name, range, severity }) => `\n  ${severity.padEnd(9)} ${name} ${range}`,
  );
  const counts = Object.groupBy(holes, ({ severity }) => severity);
  const total = Object.entries(counts).map(([severity, of]) => `${of?.length} ${severity}`);
  const failing = holes.filter(({ severity }) => FAILING.includes(severity)).length;
  const found = total.length === 0 ? 'no known hole' : `known holes: ${total.join(', ')}`;
  return { failing, text: `audited: ${found}${lines.join('')}` };
}

/** Asks npm, which asks the registry. */
function asked(...flags: string[]): string {
  const options = { cwd: ROOT, encoding: 'utf8', timeout: WAIT_MS } as const;
  return spawnSync('npm', ['audit', '--json', ...flags], options).stdout ?? '';
}

if (import.meta.main) {
  const { positionals } = argumentsOf({ allowPositionals: true }, HELP);
  const [licences = LICENCES, ...more] = positionals;
  if (more.length > 0) misused('there are too many arguments', HELP);
  const all = asked();
  const bundle = judged(all, packagesIn(readFileSync(licences, 'utf8')));
  const beside = judged(asked('--omit=dev'));
  process.stdout.write(`in the bundle: ${bundle.text}\n`);
  process.stdout.write(`installed beside it: ${beside.text}\n`);
  process.stdout.write(`and what development needs: ${judged(all).text}\n`);
  process.exitCode = bundle.failing + beside.failing > 0 ? 1 : 0;
}
