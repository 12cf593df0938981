/** Whether Prometheus' own tool is here. */
import { execFileSync } from 'node:child_process';

/** Why promtool cannot be asked; false: it can. */
export function noPromtool(): string | false {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'promtool is not installed (Debian: prometheus)';
  }
}
