/**
 * `/ctr/latest` of `clickrate api` and of a FastAPI server over the same Redis: answers for each
 * CPU second of the serving process. Both get the same load: connections that are kept, on each the
 * next request when the answer is there.
 */
import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/clock.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import { silentLog } from '../src/log.ts';
import { Pipeline } from '../src/pipeline.ts';
import { FileSource } from '../src/sources/file.ts';
import { RedisStore } from '../src/stores/redis/store.ts';
import { outputOf, startNode } from '../test/support/processes.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { type Shape, writeEvents } from './event-files.ts';
import type { Load } from './http-load.ts';
import { cpuSecondsOf, MAIN, sleep } from './measure.ts';
import { startFastapi } from './peers/fastapi.ts';

const CONNECTIONS = 8;
/** Two windows. */
const EVENTS = 1_200_000;
const LOOK_MS = 20;
const LOAD = fileURLToPath(new URL('./http-load.ts', import.meta.url));

/** By server: answers for each CPU second, sample by sample. */
export type Served = { ours: number[]; fastapi: number[]; quick: number[]; bodyBytes: number };

/** All servers in turn, `rounds` times behind one that warms up, each for `seconds` of its CPU. */
export async function serving(products: number, rounds: number, seconds: number): Promise<Served> {
  const closers: (() => unknown)[] = [];
  const after = (fn: () => unknown) => closers.push(fn);
  try {
    const redis = await startRedis({ after });
    await fillRedis(redis.url, products);
    const api = startNode(MAIN, ['api', '--redis', redis.url, '--port', '0']);
    after(() => api.kill('SIGTERM'));
    const [, port] = await outputOf(api, /http:\/\/127\.0\.0\.1:(\d+)/);
    const peer = await startFastapi(redis.url);
    after(() => peer.child.kill('SIGTERM'));
    const [pid, peerPid] = [api.process.pid, peer.child.process.pid] as number[];
    const served: Served = { ours: [], fastapi: [], quick: [], bodyBytes: 0 };
    served.bodyBytes = await sizeOf(Number(port), products);
    await sizeOf(peer.port, products);
    for (let round = 0; round <= rounds; round++) {
      served.ours.push(await answers(pid, Number(port), '/ctr/latest', seconds));
      served.fastapi.push(await answers(peerPid, peer.port, '/ctr/latest', seconds));
      served.quick.push(await answers(peerPid, peer.port, '/quick/latest', seconds));
    }
    for (const samples of [served.ours, served.fastapi, served.quick]) samples.shift();
    return served;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** Bytes of the answer; throws when it has not all products. */
async function sizeOf(port: number, products: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/ctr/latest`)).text();
  const found = Object.keys(JSON.parse(text)).length;
  if (found !== products) throw new Error(`${found} of ${products} products are served`);
  return Buffer.byteLength(text);
}

/** Results of so many products, as the engine writes them. */
async function fillRedis(url: string, products: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  const file = join(directory, 'events');
  const shape: Shape = { key: 'serving', what: `${products} products`, products };
  writeEvents(file, shape, EVENTS);
  const source = new FileSource({ files: [file], clock: systemClock, limits: LIMITS, sort: false });
  const store = new RedisStore({ url });
  try {
    const pipeline = new Pipeline({
      task: 'file',
      source,
      store,
      clock: systemClock,
      settings: SETTINGS,
      limits: LIMITS,
      log: silentLog,
      newToken: randomUUID,
      stillOurs: async () => true,
      newIdKey: () => randomBytes(16).toString('hex'),
    });
    await pipeline.start();
    while (!source.ended) await pipeline.step();
    await pipeline.close();
  } finally {
    await source.close();
    await store.close();
    rmSync(directory, { recursive: true });
  }
}

/** Answers for each CPU second of the process `pid`, over so many of them. */
async function answers(pid: number, port: number, path: string, seconds: number): Promise<number> {
  const child = fork(LOAD, { stdio: 'inherit' });
  const count = async () => {
    child.send('count');
    const [answered] = await once(child, 'message');
    return answered as number;
  };
  try {
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    child.send({ port, connections: CONNECTIONS, pipelined: 1, request } satisfies Load);
    // The first answer has come when all connections are there.
    while ((await count()) === 0) await sleep(LOOK_MS);
    const [before, cpuBefore] = [await count(), cpuSecondsOf(pid)];
    let spent = 0;
    for (; spent < seconds; spent = cpuSecondsOf(pid) - cpuBefore) await sleep(LOOK_MS);
    return ((await count()) - before) / spent;
  } finally {
    const exited = once(child, 'exit');
    child.send('end');
    await exited;
  }
}
