/** The page before the real program: it fills, values change by push, a restart loses nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { freePort } from '../support/free-port.ts';
import { type Child, eventually, outputOf, startNode, temporary } from '../support/processes.ts';
import { builtPage } from './built.ts';
import { launch, NO_CHROMIUM, openPage, textOf } from './chromium.ts';

const ROW = '.rows .row';
const PRODUCTS = ['product1', 'product2', 'product3', 'product4', 'product5'];

const shownCounts = (page: Page) =>
  page.evaluate<[string, number, number][]>(`[...document.querySelectorAll('${ROW}')].map((row) => {
    const number = (name) =>
      Number(row.querySelector('.' + name).firstChild.textContent.replace(/\\D/g, ''));
    return [row.querySelector('.product a').textContent, number('impressions'), number('clicks')];
  }).sort()`);

/** Late events revise a window at any moment, also between two looks: they agree before long. */
const agree = (page: Page, url: string) =>
  eventually(async () => {
    assert.deepEqual(await shownCounts(page), await apiCounts(url));
    return true;
  });

/** What the API says, in the same form. */
async function apiCounts(url: string): Promise<[string, number, number][]> {
  const latest = await (await fetch(`${url}/ctr/latest`)).json();
  const rows = Object.values(latest as Record<string, { impressions: number; clicks: number }>);
  return Object.keys(latest as object)
    .map((id, i): [string, number, number] => [id, rows[i]!.impressions, rows[i]!.clicks])
    .sort();
}

test('npm start in a browser', { skip: NO_CHROMIUM, timeout: 170_000 }, async (t) => {
  builtPage();
  const data = temporary(t);
  // A restart has to come back to the same one.
  const port = await freePort();
  const args = ['run', '--generate', '--port', String(port), '--data', data];
  const start = async () => {
    const child = startNode('src/cli/main.ts', args);
    await outputOf(child, /clickrate is up/);
    return child;
  };
  // A browser takes its time to start: windows would close meanwhile.
  const browser = await launch();
  t.after(() => browser.close());
  let child: Child = await start();
  t.after(() => child.kill());
  const url = `http://127.0.0.1:${port}`;
  const { page, errors } = await openPage(browser, url);
  const resumed: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/stream')) resumed.push(request.headers()['last-event-id']);
  });

  await t.test('fills by itself', async () => {
    await page.locator('#empty').waitFor();
    await page.locator(ROW).nth(4).waitFor({ timeout: 30_000 });
    assert.deepEqual(
      (await shownCounts(page)).map(([id]) => id),
      PRODUCTS,
    );
    assert.match(await textOf(page, '#freshness'), /^live window .* closed .* ago watermark/);
  });

  await t.test('shows what the API says, and changes by push without a reload', async () => {
    await page.evaluate('globalThis.stillHere = true');
    const before = await shownCounts(page);
    await eventually(async () => String(await shownCounts(page)) !== String(before));
    await agree(page, url);
    assert.equal(await page.evaluate('globalThis.stillHere'), true);
    assert.deepEqual(errors, []);
    assert.deepEqual(resumed, []);
  });

  await t.test('a restart is survived without a gap', async () => {
    await page.evaluate("location.hash = '#/product/product1'");
    await page.locator('.plots canvas').first().waitFor();
    await child.kill('SIGKILL');
    await page.locator('#freshness[data-mood="lost"]').waitFor();
    child = await start();
    await page.locator('#freshness:not([data-mood="lost"])').waitFor({ timeout: 20_000 });
    assert.match(String(resumed.at(-1)), /^[0-9a-f-]{36}-\d+$/);
    await page.evaluate("location.hash = '#/'");
    await page.locator(ROW).nth(4).waitFor();
    const before = await textOf(page, '#freshness');
    await eventually(async () => windowOf(await textOf(page, '#freshness')) !== windowOf(before));
    await agree(page, url);
    // Every window the store has since the first is in the table of the product that was open.
    await page.evaluate("location.hash = '#/product/product1'");
    await page.locator('.figures tbody tr').first().waitFor();
    await eventually(async () => {
      const shown = await page.locator('.figures tbody tr').count();
      const history = await (await fetch(`${url}/v1/products/product1/history`)).json();
      assert.equal(shown, (history as { windows: unknown[] }).windows.length);
      return true;
    });
    assert.equal(await page.evaluate('globalThis.stillHere'), true);
    const others = errors.filter((text) => !/ERR_(CONNECTION|INCOMPLETE|EMPTY)/.test(text));
    assert.deepEqual(others, []);
  });
});

function windowOf(text: string): string {
  return /\d\d:\d\d:\d\d–\d\d:\d\d:\d\d/.exec(text)?.[0] ?? 'no window';
}
