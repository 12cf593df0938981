/**
 * `npm run audit`: known holes in what we depend on, asked of the registry. A high one fails; a
 * registry that does not answer is said, and is no failure: it says nothing about this tree.
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

/** What `npm audit --json` printed, judged. */
export function judged(output: string): Audit {
  let report: Report;
  try {
    report = JSON.parse(output) as Report;
  } catch {
    return { failing: 0, text: 'not audited: npm audit gave no report' };
  }
  const counts = report.metadata?.vulnerabilities;
  if (counts === undefined) {
    const why = report.message || report.error?.summary || report.error?.code || 'no report';
    return { failing: 0, text: `not audited, the registry does not answer: ${why}` };
  }
  const failing = FAILING.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  const lines = Object.values(report.vulnerabilities ?? {}).map(
    ({ name, range, severity }) => `\n  ${severity.padEnd(9)} ${name} ${range}`,
  );
  const total = Object.entries(counts)
    .filter(([severity, count]) => severity !== 'total' && count > 0)
    .map(([severity, count]) => `${count} ${severity}`);
  const found = total.length === 0 ? 'no known hole' : `known holes: ${total.join(', ')}`;
  return { failing, text: `audited: ${found}${lines.join('')}` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const options = { cwd, encoding: 'utf8', timeout: WAIT_MS } as const;
  const { stdout } = spawnSync('npm', ['audit', '--json'], options);
  const { failing, text } = judged(stdout ?? '');
  process.stdout.write(`${text}\n`);
  process.exitCode = failing > 0 ? 1 : 0;
}
