/** The API: answers for each CPU second of the server, beside a FastAPI server's. */
import { withoutRedis } from '../../test/support/redis-server.ts';
import { benchHttp } from '../http.ts';
import { median } from '../measure.ts';
import { fastapiPython, fastapiVersions } from '../peers/fastapi.ts';
import type { Report } from '../report.ts';
import { serving } from '../serving.ts';

/** By products: how many times the requests. */
const ASKED = { 5: 20, 1000: 200 };
const UNIT = '/CPU s';

export async function http(report: Report, isQuick: boolean): Promise<void> {
  report.title('HTTP, for each CPU second of the server, requests pipelined');
  for (const { name, perCpuSecond } of await benchHttp(isQuick ? 700 : 1_500))
    report.figure({ id: `http/${name}`, what: name, value: perCpuSecond, unit: UNIT });
  const why = withoutRedis() || withoutPython();
  if (why) return report.leaveOut('http', `FastAPI beside it: ${why}`);
  for (const [count, least] of Object.entries(ASKED))
    await besideFastapi(report, Number(count), least, isQuick);
}

function withoutPython(): string | false {
  try {
    fastapiPython();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

async function besideFastapi(report: Report, products: number, least: number, isQuick: boolean) {
  const [rounds, seconds] = isQuick ? [1, 1] : [5, 1.5];
  const { ours, fastapi, quick, bodyBytes } = await serving(products, rounds, seconds);
  const kilobytes = (bodyBytes / 1_000).toFixed(1);
  const load = `${products} products (${kilobytes} KB), 8 connections, no pipelining`;
  report.title(`/ctr/latest, one process each, the same Redis: ${load}`);
  report.title(`  ${fastapiVersions()}; one worker, uvloop, httptools`);
  const told = (key: string, what: string, samples: number[]) => {
    const figure = { id: `http/${key}-${products}`, what: `${what}, ${products} products` };
    return report.figure({ ...figure, value: median(samples), unit: UNIT, samples });
  };
  const own = told('api', 'clickrate api', ours);
  const plain = told('fastapi', 'FastAPI, as one writes it', fastapi);
  const joined = told('fastapi-quick', 'FastAPI, texts of the hash joined', quick);
  report.ratio(`http/fastapi-${products}`, 'clickrate api : FastAPI', own / plain);
  report.ratio(`http/fastapi-quick-${products}`, 'clickrate api : FastAPI, joined', own / joined);
  const against = `a FastAPI server that reads the hash for each request, ${products} products`;
  report.row({
    id: `http/${products}`,
    against,
    value: own / plain,
    unit: '× the requests',
    bound: { least },
    load,
    rounds: ours.map((rate, n) => rate / fastapi[n]),
  });
}
