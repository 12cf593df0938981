/** The API: answers for each CPU second of the server. */
import { benchHttp } from '../http.ts';
import type { Report } from '../report.ts';

export async function http(report: Report, isQuick: boolean): Promise<void> {
  report.title('HTTP, for each CPU second of the server');
  for (const { name, perCpuSecond } of await benchHttp(isQuick ? 700 : 1_500))
    report.figure({ id: `http/${name}`, what: name, value: perCpuSecond, unit: '/CPU s' });
}
