/** A running embedded size in this process, fed over HTTP, and its metrics as a map. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { startEmbedded } from '../../src/cli/embedded.ts';
import { createLogger } from '../../src/cli/logger.ts';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { eventually } from '../support/processes.ts';

/** One-second windows that close as soon as a later event is there. */
const QUICK = { windowMs: 1_000, watermarkDelayMs: 0 };

export async function embedded(data: string, overrides = QUICK) {
  const engine = await startEmbedded({
    options: { host: '127.0.0.1', port: 0, data },
    settings: settingsWith(overrides),
    limits: { ...LIMITS, commitMinMs: 50 },
    log: createLogger({ logLevel: 'silent', logFormat: 'text' }),
  });
  const stop = async () => {
    await engine.stop().catch((error) => {
      // Hooks run in the order of their tests: the directory may be gone before its engine.
      if (existsSync(data)) throw error;
    });
  };
  return { ...engine, stop };
}

/** Posts lines of NDJSON and waits until the engine has judged them. */
export async function feed(url: string, lines: readonly string[]): Promise<void> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.map((line) => `${line}\n`).join(''),
  });
  assert.equal(response.status, 202, await response.text());
  await eventually(async () => (await scrape(url)).get(LAG) === 0, 30_000, 20);
}

export const LAG = 'clickrate_lag_records{task="0",partition="journal-0"}';

/** Series and values of `/metrics`. */
export async function scrape(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}

export function event(product: string, timestamp: number, more: object = {}): string {
  return JSON.stringify({ product_id: product, timestamp, event_type: 'impression', ...more });
}
