/** The process of `clickrate run`: how soon it answers, how much memory it holds. */
import { benchMemory, benchStart } from '../process.ts';
import type { Report } from '../report.ts';

export async function processes(report: Report): Promise<void> {
  report.title('The process of `clickrate run`');
  const { firstAnswerMs } = await benchStart();
  const start = { id: 'process/first-answer', what: 'launch to first answer' };
  report.figure({ ...start, value: firstAnswerMs, unit: 'ms' });
  const { residentMb, products } = await benchMemory();
  const what = `resident, ${products} products in 3 windows, closed and served`;
  report.figure({ id: 'process/resident', what, value: residentMb, unit: 'MB' });
}
