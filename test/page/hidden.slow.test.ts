/** A page that nobody looks at: it lets go of its connection, and is right again when shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { eventually } from '../support/processes.ts';
import { launch, NO_CHROMIUM, openPage } from './chromium.ts';
import { startFixture } from './fixture.ts';

const ROW = '.rows .row';

/** A page whose visibility and clock are in the test's hands, and which notes its moods. */
const HANDS = `
  let isHidden = false;
  Object.defineProperty(Document.prototype, 'hidden', { get: () => isHidden });
  globalThis.setHidden = (value) => {
    isHidden = value;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  globalThis.watchMoods = () => {
    const line = document.getElementById('freshness');
    globalThis.moods = [];
    new MutationObserver(() => moods.push(line.dataset.mood))
      .observe(line, { attributeFilter: ['data-mood'] });
  };`;

/** Those that were asked for before still come, and are over. */
const NO_MORE_FRAMES = `new Promise((resolve) => {
  const frame = requestAnimationFrame;
  requestAnimationFrame = () => 0;
  frame(() => frame(resolve));
})`;

const hide = (page: Page, isHidden: boolean) => page.evaluate(`setHidden(${isHidden})`);

/** Ids that the page's streams were resumed from, null for none. */
function streamsOf(page: Page): (string | null)[] {
  const asked: (string | null)[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/v1/stream'))
      asked.push(request.headers()['last-event-id'] ?? null);
  });
  return asked;
}

/** Time goes by in leaps, between which the server is heard: else the connection seems silent. */
async function pass(page: Page, ...leapsMs: number[]): Promise<void> {
  for (const ms of leapsMs) {
    await page.clock.fastForward(ms);
    await page.waitForTimeout(1_500);
  }
}

async function readersOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/stream_readers (\d+)/.exec(text)?.[1]);
}

test('a frame that does not come before a page is hidden', { skip: NO_CHROMIUM }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const fixture = await startFixture({ products: 5, past: 30 });
  t.after(() => fixture.close());
  const { page } = await openPage(browser, 'about:blank');
  await page.addInitScript(HANDS);
  await page.goto(`${fixture.url}/#/product/desk-lamp-classic`);
  const rows = page.locator('.figures tbody tr');
  await eventually(async () => (await rows.count()) === 31);
  await page.evaluate(NO_MORE_FRAMES);
  fixture.next();
  await page.waitForTimeout(1_500);
  assert.equal(await rows.count(), 31);
  await hide(page, true);
  await eventually(async () => (await rows.count()) === 32);
  await hide(page, false);
});

test('a hidden page', { skip: NO_CHROMIUM, timeout: 120_000 }, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const fixture = await startFixture({ products: 5, past: 30 });
  t.after(() => fixture.close());
  const { page, errors } = await openPage(browser, 'about:blank');
  await page.clock.install();
  await page.addInitScript(HANDS);
  const streams = streamsOf(page);
  await page.goto(fixture.url);
  await page.locator(ROW).nth(4).waitFor();

  await t.test('keeps its stream for a minute', async () => {
    await hide(page, true);
    await pass(page, 15_000, 15_000, 15_000);
    await hide(page, false);
    await pass(page, 15_000);
    await hide(page, true);
    await pass(page, 15_000, 15_000, 15_000);
    assert.equal(await readersOf(fixture.url), 1);
    assert.equal(streams.length, 1);
  });

  await t.test('then lets go of it, and asks for none', async () => {
    await pass(page, 20_000);
    await eventually(async () => (await readersOf(fixture.url)) === 0);
    await page.evaluate("dispatchEvent(new Event('online'))");
    await pass(page, 60_000);
    assert.equal(streams.length, 1);
  });

  await t.test('goes on from there when it is shown, and says no age that is wrong', async () => {
    for (let closed = 0; closed < 3; closed++) fixture.next();
    await page.evaluate('watchMoods()');
    await hide(page, false);
    await page.locator('#freshness[data-mood="live"]').waitFor();
    assert.deepEqual(await page.evaluate('moods'), ['live']);
    assert.equal(streams.length, 2);
    assert.match(String(streams.at(-1)), /^one-\d+$/);
    const { latest } = fixture.reader.rows.get('desk-lamp-classic')!;
    const shown = page.locator(ROW, { hasText: 'desk-lamp-classic' }).locator('.clicks');
    await eventually(
      async () => (await shown.innerText()).replace(/\D/g, '') === String(latest!.clicks),
    );
    assert.deepEqual(errors, []);
  });
});
