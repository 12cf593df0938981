/** The live stream, from commit to client: wall-clock times, for an idle machine only. */
import type { Report } from '../report.ts';
import { burst, steady } from '../stream.ts';

export async function stream(report: Report, isQuick: boolean): Promise<void> {
  report.title('The live stream, commit to client (wall clock: an idle machine only)');
  const seconds = isQuick ? 4 : 10;
  for (const [readers, stuck, changesPerSecond] of [
    [200, 0, 1_000],
    [1_000, 50, 100],
  ]) {
    const sample = await steady({ readers, stuck, changesPerSecond, seconds, products: 1_000 });
    const what = `${readers} readers (${stuck} never read), ${changesPerSecond} changes/s, p99`;
    const more = `p50 ${sample.p50Ms} ms, ${sample.gaps} gaps, ${sample.cpuShare} of a core`;
    report.figure({ id: `stream/${readers}`, what, value: sample.p99Ms, unit: 'ms', more });
  }
  const { maxMs, gaps } = await burst(100, 10_000);
  const what = 'burst of 10 000 changes to 100 readers, until the last has all';
  report.figure({ id: 'stream/burst', what, value: maxMs, unit: 'ms', more: `${gaps} gaps` });
}
