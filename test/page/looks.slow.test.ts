/** What the page looks like where figures are huge, or colours are not its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { counts, row } from '../api/fake-reader.ts';
import { eventually } from '../support/processes.ts';
import { launch, NO_CHROMIUM, openPage, textOf } from './chromium.ts';
import { startFixture } from './fixture.ts';
import { WINDOW_MS } from './shop.ts';

const PRODUCT = '#/product/desk-lamp-classic';

describe('the looks of the page', { skip: NO_CHROMIUM, timeout: 180_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  test('figures of any size stay in their places', async (t) => {
    const fixture = await startFixture({ products: 3 });
    t.after(() => fixture.close());
    const at = Math.max(...[...fixture.reader.rows.values()].map((r) => r.latest?.start ?? 0));
    const before = at - WINDOW_MS;
    fixture.reader.publish([
      row('huge', counts(at, 1e12, 999_999_999), counts(before, 9e11, 1_999_999_999)),
      row('large', counts(at, 9_999_999, 9_999_999), counts(before, 9_999_999, 9_000_000)),
      row('lost', counts(at, 3, 4_000_000), counts(before, 310, 200)),
      row('many-clicks', counts(at, 3_000, 3_450), counts(before, 3_100, 2_000)),
    ]);
    const { page, close } = await openPage(browser, fixture.url);
    for (const width of [360, 761, 901, 1024, 1141, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await page.locator('.rows .row', { hasText: 'lost' }).waitFor();
      await page.waitForTimeout(300);
      assert.deepEqual(await page.evaluate(`(${SPILLED})()`), [], `at ${width}`);
      const change = page.locator('.totals .delta');
      const lines = await change.evaluate((e) => e.getClientRects().length);
      assert.equal(lines, 1, `the change, at ${width}: its arrow stands apart`);
    }
    const huge = page.locator('.rows .row', { hasText: 'huge' });
    assert.equal(await textOf(page, '.rows .row:has-text("huge") .impressions'), '1.000 tn');
    const exact = await huge.locator('.impressions').getAttribute('title');
    assert.equal(exact?.replace(/\s/g, ' '), '1 000 000 000 000');
    await close();
  });

  test('the longest id leaves a phone room for the figures, and can be read to its end', async (t) => {
    const fixture = await startFixture({ products: 1, past: 30 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank', { width: 360, height: 780 });
    await page.goto(`${fixture.url}/#/product/${'long-id-'.repeat(32)}`);
    const name = page.locator('h1.product-name');
    await name.waitFor();
    const [shown, whole] = await name.evaluate((e) => [e.clientHeight, e.scrollHeight]);
    assert.ok(shown < 120, `${shown} px high`);
    assert.ok(whole > 200, `${whole} px of text`);
    await name.hover();
    await page.mouse.wheel(0, whole);
    const end = whole - shown;
    await eventually(async () => (await name.evaluate((e) => e.scrollTop)) >= end - 1);
    await close();
  });

  test('the columns of windows stay where they are when one becomes final', async (t) => {
    const fixture = await startFixture({ products: 1, past: 30 });
    t.after(() => fixture.close());
    const name = fixture.shop.names[0]!;
    const { page, close } = await openPage(browser, `${fixture.url}/#/product/${name}`);
    const provisional = page.locator('.windows .status', { hasText: 'provisional' }).first();
    await provisional.waitFor();
    const heads = () => page.evaluate<number[]>(LEFTS);
    const before = await heads();
    const status = fixture.reader.statusMap.get('0')!;
    fixture.reader.statusMap.set('0', { ...status, finalBefore: Date.now() + WINDOW_MS });
    await provisional.waitFor({ state: 'detached' });
    assert.deepEqual(await heads(), before);
    await close();
  });

  test('where colours are forced, a chart is drawn in more than one', async (t) => {
    const fixture = await startFixture({ products: 5, past: 350 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    await page.emulateMedia({ forcedColors: 'active', colorScheme: 'dark' });
    await page.goto(`${fixture.url}/${PRODUCT}`);
    await page.locator('.plots canvas').nth(1).waitFor();
    await page.waitForTimeout(300);
    for (const index of [0, 1]) {
      const painted = await page.evaluate<string[]>(`(${PAINTED})(${index})`);
      assert.ok(painted.length >= 2, `chart ${index}: ${painted}`);
    }
    const keys = await page.evaluate<string[]>(KEYS);
    assert.equal(keys.includes('rgb(0, 0, 0)'), false, `keys of the chart: ${keys}`);
    await close();
  });

  test('on paper the table has the first thousand products, not those in view and empty sheets', async (t) => {
    const fixture = await startFixture({ products: 1_100, past: 0 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    const rows = page.locator('.rows .row');
    await rows.first().waitFor();
    await page.evaluate(WATCH_ROWS);
    const sheets = sheetsOf(await page.pdf({ format: 'A4' }));
    assert.equal(await page.evaluate('mostRows'), 1_000);
    // Of the narrow rows ten stand on one.
    assert.ok(sheets > 90 && sheets < 110, `${sheets} sheets`);
    await eventually(async () => (await rows.count()) < 100);
    await close();
  });

  test('charts are not drawn again for a cursor that moves over them', async (t) => {
    const fixture = await startFixture({ products: 5, past: 350 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    await page.addInitScript(COUNT_DRAWINGS);
    await page.goto(`${fixture.url}/${PRODUCT}`);
    const chart = page.locator('.plots .u-over').first();
    await chart.waitFor();
    const { x, y } = (await chart.boundingBox())!;
    // What the stream tells each second draws them, too.
    const steps = 30;
    await page.evaluate('drawings = 0');
    for (let step = 1; step <= steps; step++) {
      await page.mouse.move(x + 20 * step, y + 100);
      await page.evaluate(TWO_FRAMES);
    }
    await page.locator('.readout b').waitFor();
    const drawings = await page.evaluate<number>('drawings');
    assert.ok(drawings < steps, `${drawings} drawings in ${steps} steps`);
    await close();
  });

  test('charts that are left are not drawn again when colours change', async (t) => {
    const fixture = await startFixture({ products: 5, past: 30 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    await page.addInitScript(COUNT_CANVASES);
    await page.goto(`${fixture.url}/${PRODUCT}`);
    await page.locator('.plots canvas').nth(1).waitFor();
    await page.emulateMedia({ colorScheme: 'dark' });
    // Both are drawn in the new colours.
    await eventually(async () => (await page.evaluate('canvases')) === 4);
    await page.getByRole('link', { name: '← All products' }).click();
    await page.locator('.rows .row').first().waitFor();
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForTimeout(300);
    assert.equal(await page.evaluate('canvases'), 4);
    await close();
  });
});

/** Text that is cut off by what holds it, or stands over the cell beside it. */
const SPILLED = `() => {
  const range = document.createRange();
  const isOut = (element) => {
    const box = element.getBoundingClientRect();
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let text = walk.nextNode(); text; text = walk.nextNode()) {
      if (text.parentElement.closest('.hidden')) continue;
      range.selectNodeContents(text);
      const { left, right, bottom } = range.getBoundingClientRect();
      // A mark may stand in the gap between two cells.
      if (right === left) continue;
      if (left < box.left - 1 || right > box.right + 10 || bottom > box.bottom + 8) return true;
      if (right > document.documentElement.clientWidth) return true;
    }
    return false;
  };
  const cells = '.rows [role=cell]:not(.product, .spark), .totals dd';
  return [...document.querySelectorAll(cells)].filter(isOut).map((e) => e.textContent);
}`;
/** Remembers how many rows there were at most. */
const WATCH_ROWS = `
  globalThis.mostRows = 0;
  const rows = document.querySelector('.rows');
  new MutationObserver(() => { mostRows = Math.max(mostRows, rows.childElementCount); })
    .observe(rows, { childList: true });`;
const sheetsOf = (pdf: Buffer) => pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)!.length;
const LEFTS = `[...document.querySelectorAll('.windows thead th')].map(
  (head) => head.getBoundingClientRect().left,
)`;
/** Colours that fill more than a hundredth of a chart; the system's own may let some through. */
const PAINTED = `(index) => {
  const canvas = document.querySelectorAll('.plots canvas')[index];
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Map();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] > 160) {
      const colour = data.slice(at, at + 3).join(' ');
      seen.set(colour, (seen.get(colour) ?? 0) + 1);
    }
  return [...seen].filter(([, pixels]) => pixels > data.length / 400).map(([colour]) => colour);
}`;
const TWO_FRAMES =
  'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))';
const COUNT_DRAWINGS = `
  globalThis.drawings = 0;
  const { clearRect } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    drawings++;
    return clearRect.apply(this, box);
  };
`;
const COUNT_CANVASES = `
  globalThis.canvases = 0;
  const create = document.createElement.bind(document);
  document.createElement = (name, ...more) => {
    if (name === 'canvas') canvases++;
    return create(name, ...more);
  };`;
const KEYS = `['.band-key', '.revised-key', '.imp-key', '.click-key'].map((key) =>
  getComputedStyle(document.querySelector(key), '::before').backgroundColor)`;
