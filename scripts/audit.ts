/**
 * `npm run audit`: known holes in what we depend on, asked of the registry. A high one in what runs
 * fails, one in what only development needs is told. A registry that does not answer is said, and
 * is no failure: it says nothing about this tree.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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

/** What `npm audit --json` printed, judged; npm passes on whatever the registry said. */
export function judged(output: string): Audit {
  let report: Report | null;
  try {
    report = JSON.parse(output) as Report | null;
  } catch {
    return { failing: 0, text: 'not audited: npm audit gave no report' };
  }
  const counts = report?.metadata?.vulnerabilities;
  if (counts === undefined) {
    const { message, error } = report ?? {};
    const why = message || error?.summary || error?.code || 'no report';
    return { failing: 0, text: `not audited, the registry does not answer: ${why}` };
  }
  const failing = FAILING.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  const lines = Object.values(report?.vulnerabilities ?? {}).map(
    ({ name, range, severity }) => `\n  ${severity.padEnd(9)} ${name} ${range}`,
  );
  const total = Object.entries(counts)
    .filter(([severity, count]) => severity !== 'total' && count > 0)
    .map(([severity, count]) => `${count} ${severity}`);
  const found = total.length === 0 ? 'no known hole' : `known holes: ${total.join(', ')}`;
  return { failing, text: `audited: ${found}${lines.join('')}` };
}

/** Asks npm, which asks the registry. */
function audited(...flags: string[]): Audit {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const options = { cwd, encoding: 'utf8', timeout: WAIT_MS } as const;
  return judged(spawnSync('npm', ['audit', '--json', ...flags], options).stdout ?? '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const runs = audited('--omit=dev');
  process.stdout.write(`what runs: ${runs.text}\n`);
  process.stdout.write(`and what development needs: ${audited().text}\n`);
  process.exitCode = runs.failing > 0 ? 1 : 0;
}
