/** What the page shows and takes in a real browser, scene by scene, over the real API. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { counts, ledgerOf, row, statusOf } from '../api/fake-reader.ts';
import { eventually } from '../support/processes.ts';
import { launch, NO_CHROMIUM, openPage, textOf } from './chromium.ts';
import { startFixture } from './fixture.ts';
import { edgeRows, WINDOW_MS } from './shop.ts';

const ROW = '.rows .row';
const marks = (page: Page) => page.locator(`${ROW}:has(.delta:is(.up, .down)) .product a`);
const mood = (name: string) => `#freshness[data-mood="${name}"]`;
const focused = (page: Page) => page.evaluate<string>('document.activeElement?.textContent ?? ""');

describe('the page', { skip: NO_CHROMIUM, timeout: 300_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  test('sends nothing to other hosts, runs nothing inline, says nothing to the console', async (t) => {
    const fixture = await startFixture({ products: 5, edges: true });
    t.after(() => fixture.close());
    const answer = await fetch(fixture.url, { headers: { accept: 'text/html' } });
    const policy = String(answer.headers.get('content-security-policy'));
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.doesNotMatch(await answer.text(), /<script(?![^>]*\bsrc=)|<style|\son\w+=/);
    const { page, errors } = await openPage(browser, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(fixture.url);
    await page.locator(ROW).nth(11).waitFor();
    await page.goto(`${fixture.url}/#/product/desk-lamp-classic`);
    await page.locator('.plots canvas').first().waitFor();
    await page.goto(`${fixture.url}/#/pipeline`);
    await page.locator('.rejects li').first().waitFor();
    assert.deepEqual(errors, []);
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(fixture.url)),
      [],
    );
    const asset = asked.find((url) => url.endsWith('.js')) as string;
    const script = await fetch(asset);
    assert.match(String(script.headers.get('cache-control')), /immutable/);
    assert.equal(script.headers.get('content-encoding'), 'gzip');
    assert.equal((await fetch(`${fixture.url}/assets/none.js`)).status, 404);
    await page.context().close();
  });

  test('an empty start says how to begin, and fills itself', async (t) => {
    const fixture = await startFixture({ products: 0 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(browser, fixture.url);
    // That events can be sent is known a moment later: the server is asked.
    await page.getByRole('button', { name: /^Copy curl/ }).waitFor();
    const text = await textOf(page, '#empty');
    assert.match(text, /Windows are 10 s long\./);
    for (const way of [`curl ${fixture.url}/v1/events`, 'npm start', '--source kafka'])
      assert.ok(text.includes(way), way);
    await page.getByRole('button', { name: /^Copy curl/ }).click();
    const copied = () => page.evaluate<string>('navigator.clipboard.readText()');
    await eventually(async () => (await copied()).startsWith('curl http'));
    fixture.reader.publish(edgeRows(Date.now() - 20_000));
    await page.locator(ROW).nth(6).waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  test('where no event could be counted, an empty start leads to why', async (t) => {
    const fixture = await startFixture({ products: 0 });
    t.after(() => fixture.close());
    fixture.reader.statusMap.set('0', statusOf(ledgerOf({ not_json: 1 }, 1)));
    const { page, errors, close } = await openPage(browser, fixture.url);
    await page.getByText('1 event received; 0 counted in windows still open. 1 not').waitFor();
    await page.getByRole('link', { name: 'see why' }).click();
    await page.locator('.ledger-parts', { hasText: 'rejected: not json' }).waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  test('an empty start that waits in vain says why', async (t) => {
    const fixture = await startFixture({ products: 0 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(browser, fixture.url);
    await page.locator(mood('waiting')).waitFor();
    fixture.setTrouble('the store does not answer');
    await page.locator(mood('unready'), { hasText: 'the store does not answer' }).waitFor();
    fixture.setTrouble(null);
    await page.locator(mood('waiting')).waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  test('edges are shown for what they are', async (t) => {
    const fixture = await startFixture({ products: 1, edges: true });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    const rowOf = (name: string) => page.locator(ROW, { hasText: name });
    await rowOf('brand-new').waitFor();
    assert.match(await rowOf('brand-new').innerText(), /few views/);
    assert.match(await rowOf('brand-new').getAttribute('class').then(String), /few/);
    assert.match(await rowOf('clicks-without').innerText(), /–[\s\S]*no impressions/);
    assert.match(
      await rowOf('lost-impressions').innerText(),
      /115\.00[\s\S]*more clicks than views/,
    );
    assert.match(await rowOf('one-in-ten').innerText(), /0\.01/);
    // As it is read out: what only a margin parts is one word there. What is final is known later.
    const slept = rowOf('slept-a-while').locator('.status');
    await eventually(async () => /final \d\d:\d\d:\d\d/.test(String(await slept.textContent())));
    assert.match(await rowOf('always').innerText(), /100\.00/);
    const long = rowOf('winter-sale').locator('a');
    assert.equal(await long.getAttribute('title'), 'winter-sale-landing-page-teaser-variant-b');
    await close();
  });

  test('an id that is written from right to left is read so', async (t) => {
    const fixture = await startFixture({ products: 1 });
    t.after(() => fixture.close());
    const product = 'حذاء رياضي!';
    fixture.reader.publish([row(product, counts(Date.now() - 20_000, 1_000, 100))]);
    const { page, close } = await openPage(browser, fixture.url);
    for (const [hash, place] of [
      ['#/', '.rows .product a'],
      [`#/product/${encodeURIComponent(product)}`, '.product-name'],
    ] as const) {
      await page.evaluate(`location.hash = '${hash}'`);
      await page.locator(place, { hasText: product }).waitFor();
      const ends = `(${ENDS})(${JSON.stringify(place)}, ${JSON.stringify(product)})`;
      const [first, last] = await page.evaluate<[number, number]>(ends);
      assert.ok(last < first, `${place}: the last letter is at ${last}, the first at ${first}`);
    }
    await close();
  });

  test('only changes that are real are marked', async (t) => {
    const fixture = await startFixture({ products: 24 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    await page.locator(ROW).first().waitFor();
    const at = Math.max(...[...fixture.reader.rows.values()].map((r) => r.latest?.start ?? 0));
    fixture.reader.publish([
      row('surely-up', counts(at, 2_000, 900), counts(at - WINDOW_MS, 2_000, 600)),
      row('the-same', counts(at, 2_000, 1_000), counts(at - WINDOW_MS, 2_000, 1_001)),
    ]);
    await page.getByText('surely-up').waitFor();
    const answer = await fetch(`${fixture.url}/v1/products?limit=100`);
    const { products } = (await answer.json()) as {
      products: { product_id: string; change: { significant: boolean } | null }[];
    };
    const real = products.filter(({ change }) => change?.significant).map((p) => p.product_id);
    assert.ok(real.includes('surely-up') && !real.includes('the-same'), `real: ${real}`);
    // Rows are judged together a moment after they are drawn: one more may make others real.
    await eventually(async () => {
      const shown = await page.locator(`${ROW} .product a`).allInnerTexts();
      const expected = real.filter((id) => shown.includes(id)).sort();
      assert.deepEqual((await marks(page).allInnerTexts()).sort(), expected);
      return true;
    });
    await close();
  });

  test('a change that is real only beside another one is marked when that comes', async (t) => {
    const fixture = await startFixture({ products: 0 });
    t.after(() => fixture.close());
    const at = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS - 2 * WINDOW_MS;
    const before = at - WINDOW_MS;
    const { page, close } = await openPage(browser, fixture.url);
    // p of about 1 and 0.03: above 0.05 / 2 as the smallest of two, below 2 · 0.05 / 3 behind one.
    fixture.reader.publish([
      row('the-same', counts(at, 2_000, 1_000), counts(before, 2_000, 1_001)),
      row('borderline', counts(at, 2_000, 1_069), counts(before, 2_000, 1_000)),
    ]);
    await page.locator(ROW).nth(1).waitFor();
    fixture.reader.publish([row('surely-up', counts(at, 2_000, 900), counts(before, 2_000, 600))]);
    await marks(page).getByText('borderline').waitFor();
    assert.deepEqual((await marks(page).allInnerTexts()).sort(), ['borderline', 'surely-up']);
    await close();
  });

  test('a product tells a change as the table does, also after a late revision of others', async (t) => {
    const fixture = await startFixture({ products: 0 });
    t.after(() => fixture.close());
    const at = Math.floor(Date.now() / WINDOW_MS) * WINDOW_MS - 2 * WINDOW_MS;
    const before = at - WINDOW_MS;
    fixture.reader.publish([
      row('other', counts(at, 2_000, 1_000), counts(before, 2_000, 1_001)),
      row('borderline', counts(at, 2_000, 1_069), counts(before, 2_000, 1_000)),
    ]);
    const { page, close } = await openPage(browser, `${fixture.url}/#/product/borderline`);
    await page.locator('.lead .delta.muted').waitFor();
    fixture.reader.publish([row('other', counts(at, 2_000, 1_300), counts(before, 2_000, 1_001))]);
    await page.locator('.lead .delta.up').waitFor({ timeout: 5_000 });
    await close();
  });

  test('stale is shown as stale, with the reason, and ends with news', async (t) => {
    const fixture = await startFixture({ products: 5, ageMs: 27_000 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    await page.locator(mood('stale')).waitFor();
    const text = await textOf(page, '#freshness');
    assert.match(text, /^stale window .* no news for \d+/);
    assert.match(text, /clicks-0 is .* behind the furthest partition and holds the watermark/);
    assert.equal(await textOf(page, '.stale-tag'), 'stale');
    assert.equal(await textOf(page, '.health dd'), 'needs a look');
    await page.locator(ROW).nth(4).waitFor();
    fixture.next();
    await page.locator(mood('live')).waitFor();
    assert.equal(await page.locator('.stale-tag').count(), 0);
    await close();
  });

  test('a lost connection is said with a countdown, and the table stays', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    await page.locator(ROW).nth(4).waitFor();
    await fixture.close();
    await page.locator(mood('lost')).waitFor();
    await page.getByText(/trying again in [2-9] s/).waitFor();
    assert.match(await textOf(page, '#freshness'), /^disconnected last seen \d\d:\d\d:\d\d/);
    assert.equal(await page.locator(ROW).count(), 5);
    await page.getByRole('button', { name: 'Try now' }).click();
    await close();
  });

  test('a product: both charts, a new window by push, other ranges, CSV', async (t) => {
    const fixture = await startFixture({ products: 5, past: 30 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(
      browser,
      `${fixture.url}/#/product/desk-lamp-classic`,
    );
    await page.locator('.plots canvas').nth(1).waitFor();
    assert.equal(await page.title(), 'desk-lamp-classic · clickrate');
    const rows = page.locator('.figures tbody tr');
    assert.equal(await rows.count(), 31);
    fixture.next();
    await eventually(async () => (await rows.count()) === 32);
    // A late event revises the window that was just published.
    const { latest, previous } = fixture.reader.rows.get('desk-lamp-classic')!;
    const revised = { ...latest!, clicks: latest!.clicks + 5 };
    fixture.reader.publish([{ product: 'desk-lamp-classic', latest: revised, previous }]);
    const newest = rows.first().locator('td');
    await eventually(async () => (await newest.nth(4).innerText()) === '1');
    assert.equal(await newest.nth(3).innerText(), String(revised.clicks));
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export CSV' }).click();
    const file = await saved;
    assert.equal(file.suggestedFilename(), 'desk-lamp-classic-1h.csv');
    const lines = readFileSync(await file.path(), 'utf8')
      .trim()
      .split('\r\n');
    assert.equal(lines.length, 33);
    assert.match(lines[0] as string, /^product_id,window_start,/);
    await page.getByText('24 h', { exact: true }).click();
    await page.locator('.plots canvas').nth(1).waitFor();
    assert.deepEqual(errors, []);
    await page.evaluate("location.hash = '#/product/nobody'");
    await page.getByText('No window of this product in the last 1 h.').waitFor();
    fixture.reader.failure = new Error('gone');
    await page.evaluate("location.hash = '#/product/trail-shoes-classic'");
    await page.getByText('The history could not be read').waitFor();
    await close();
  });

  test('what a chart is said to show keeps up where a window comes as another leaves', async (t) => {
    const fixture = await startFixture({ products: 1, past: 400 });
    t.after(() => fixture.close());
    const name = fixture.shop.names[0]!;
    const { page, close } = await openPage(browser, `${fixture.url}/#/product/${name}`);
    const chart = page.locator('.plots');
    await page.getByText('Show older windows (300 more)').waitFor();
    const { latest } = fixture.reader.rows.get(name)!;
    fixture.reader.publish([row(name, counts(latest!.start + WINDOW_MS, 1_000, 990), latest)]);
    await page.getByText('Show older windows (300 more)').waitFor();
    await eventually(async () =>
      /^Chart of 360 windows: .* and 99\.00 percent/.test(
        String(await chart.getAttribute('aria-label')),
      ),
    );
    await close();
  });

  test('a window that comes draws no other row again', async (t) => {
    const fixture = await startFixture({ products: 1 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    // Each row that is drawn asks whether its day is the one of now.
    await page.addInitScript(`{
      const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format');
      globalThis.asked = 0;
      Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
        get() {
          if (this.resolvedOptions().year) globalThis.asked++;
          return format.get.call(this);
        },
      });
    }`);
    await page.goto(`${fixture.url}/#/product/${fixture.shop.names[0]}`);
    const rows = page.locator('.windows tbody tr');
    await rows.nth(59).waitFor();
    const drawn = await page.evaluate<number>('globalThis.asked');
    assert.ok(drawn >= 60, `${drawn} times for 60 rows`);
    const newest = String(await rows.first().textContent());
    await page.evaluate('globalThis.asked = 0');
    fixture.next();
    await rows.first().filter({ hasNotText: newest }).waitFor();
    const again = await page.evaluate<number>('globalThis.asked');
    assert.ok(again > 0 && again < 20, `${again} times for the rows of one window`);
    await close();
  });

  test('charts that cannot be had leave the figures, and say what helps', async (t) => {
    const fixture = await startFixture({ products: 1, past: 30 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    // As after an upgrade of the server: its charts have another name.
    await page.route('**/assets/chart-*.js', (route) => route.fulfill({ status: 404 }));
    await page.goto(`${fixture.url}/#/product/espresso-machine-classic`);
    await page.getByText('The charts could not be loaded').waitFor();
    assert.equal(await page.locator('.windows tbody tr').count(), 31);
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Reload the page' }).click();
    await page.locator('.plots canvas').nth(1).waitFor();
    await close();
  });

  test('charts are drawn where the browser names no language that there is', async (t) => {
    const fixture = await startFixture({ products: 1 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(browser, 'about:blank');
    // WebKitGTK with LANG=C.
    await page.addInitScript(
      `Object.defineProperty(Navigator.prototype, 'language', { get: () => 'C' })`,
    );
    await page.goto(`${fixture.url}/#/product/${fixture.shop.names[0]}`);
    await page.locator('.windows tbody tr').first().waitFor();
    await page.locator('.plots canvas').nth(1).waitFor({ timeout: 10_000 });
    assert.deepEqual(errors, []);
    await close();
  });

  test('the rate is not drawn across a pause, and a window alone is a point', async (t) => {
    const fixture = await startFixture({ products: 1, past: 30 });
    t.after(() => fixture.close());
    const { reader, url } = fixture;
    const at = Math.max(...[...reader.rows.values()].map(({ latest }) => latest?.start ?? 0));
    // Of half an hour: ten minutes, a pause of ten with one window in its middle, ten minutes.
    const windows = Array.from({ length: 181 }, (_, n) => n)
      .filter((n) => n <= 60 || n === 90 || n >= 120)
      .map((n) => counts(at - (180 - n) * WINDOW_MS, 400, 40));
    reader.histories.set('paused', windows);
    reader.publish([row('paused', windows.at(-1)!, windows.at(-2)!)]);
    const { page, errors, close } = await openPage(browser, `${url}/#/product/paused`);
    await page.locator('.plots canvas').nth(1).waitFor();
    // How much of each column of the rate's chart is painted: in a pause only the lines behind it.
    const painted = await page.evaluate<number[]>(`(() => {
      const canvas = document.querySelector('.plots canvas');
      const { data, width, height } = canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: width }, (_, x) => {
        let count = 0;
        for (let y = 0; y < height * 0.8; y++) if (data[4 * (y * width + x) + 3] > 0) count++;
        return count;
      });
    })()`);
    const most = Math.max(...painted);
    const isDrawn = painted.map((count) => count > most / 2);
    const spans: [boolean, number][] = [];
    for (const drawn of isDrawn)
      if (spans.at(-1)?.[0] === drawn) spans.at(-1)![1]++;
      else spans.push([drawn, 1]);
    const wide = spans.filter(([drawn, width]) => drawn && width > painted.length / 20);
    assert.equal(wide.length, 2, JSON.stringify(spans));
    assert.deepEqual(errors, []);
    await close();
  });

  test('a product may be called as the folder above', async (t) => {
    const fixture = await startFixture({ products: 5, past: 30 });
    t.after(() => fixture.close());
    const { reader, url } = fixture;
    const at = Math.max(...[...reader.rows.values()].map(({ latest }) => latest?.start ?? 0));
    const mine = [counts(at - WINDOW_MS, 400, 40), counts(at, 500, 60)];
    reader.histories.set('..', mine);
    reader.publish([row('..', mine[1]!, mine[0])]);
    const { page, errors, close } = await openPage(browser, `${url}/#/product/..`);
    const shown = page.locator('.figures tbody tr td:nth-of-type(3)');
    await eventually(async () => (await shown.count()) === 2);
    assert.deepEqual(await shown.allInnerTexts(), ['500', '400']);
    assert.equal(await page.locator('h1').first().innerText(), '..');
    assert.deepEqual(errors, []);
    await close();
  });

  test('windows that close at once are all there', async (t) => {
    const fixture = await startFixture({ products: 5, past: 30 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(
      browser,
      `${fixture.url}/#/product/desk-lamp-classic`,
    );
    const rows = page.locator('.figures tbody tr');
    await eventually(async () => (await rows.count()) === 31);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    for (let closed = 0; closed < 3; closed++) fixture.next();
    await eventually(async () => (await rows.count()) === 34);
    const starts = await rows.locator('th').allInnerTexts();
    assert.equal(new Set(starts).size, 34);
    // Once, not again and again; never where each was drawn before the next one came.
    await page.waitForTimeout(1_000);
    assert.ok(asked.filter((url) => /history\?/.test(url)).length <= 1);
    assert.deepEqual(errors, []);
    await close();
  });

  test('where the server rolls up, longer ranges take longer steps', async (t) => {
    const fixture = await startFixture({ products: 5, past: 30 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, 'about:blank');
    const asked: URLSearchParams[] = [];
    await page.route('**/history?*', async (route) => {
      const url = new URL(route.request().url());
      const step = url.searchParams.get('step') ?? 'window';
      asked.push(new URLSearchParams(url.searchParams));
      for (const name of ['step', 'tz']) url.searchParams.delete(name);
      const answer = await route.fetch({ url: url.href });
      await route.fulfill({ response: answer, json: { ...(await answer.json()), step } });
    });
    await page.goto(`${fixture.url}/#/product/desk-lamp-classic`);
    const steps = page.getByLabel('Step');
    await eventually(async () => (await steps.locator('option').count()) === 2);
    const last = () => asked.at(-1)?.get('step') ?? 'window';
    assert.equal(last(), 'window');
    for (const [range, step] of [
      ['24 h', '1m'],
      ['7 d', '15m'],
      ['90 d', '1d'],
    ] as const) {
      await page.getByText(range, { exact: true }).click();
      await eventually(async () => last() === step);
      await page.locator('.plots canvas').nth(1).waitFor();
      assert.equal(await steps.inputValue(), step);
    }
    // Older days than any zone's are the server's own.
    assert.equal(asked.at(-1)?.get('tz'), null);
    await page.locator('.controls').getByText('days of UTC').waitFor();
    const span = Number(asked.at(-1)?.get('to')) - Number(asked.at(-1)?.get('from'));
    assert.equal(span, 90 * 86_400_000);
    await steps.selectOption('15m');
    await eventually(async () => last() === '15m');
    await page.getByText('7 d', { exact: true }).click();
    await steps.selectOption('1d');
    await eventually(async () => asked.at(-1)?.get('tz') === 'UTC');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await close();
  });

  test('the pipeline: a ledger that adds up, what holds time, rejects as text, replay', async (t) => {
    const fixture = await startFixture({ products: 5, ageMs: 27_000 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`);
    await page.locator('.rejects li').nth(4).waitFor();
    assert.match(await textOf(page, '.sum'), /with a verdict = .* every event is accounted for/);
    assert.match(await textOf(page, 'tr.holds'), /clicks-0 .* holds time back/);
    assert.equal(await page.getByText('and holds the watermark').count(), 1, 'said once');
    assert.equal(await textOf(page, '.health dd'), 'held back');
    // Some seconds of rates make a line.
    const line = page.locator('.rate-line title');
    await eventually(async () => (await line.count()) === 1);
    assert.match(String(await line.textContent()), /^[\d.\s]+ – [\d.\s]+ events a second$/);
    const scripts = await page.evaluate<number>("document.querySelectorAll('script').length");
    assert.equal(scripts, 1);
    const reject = page.locator('.rejects li', { hasText: 'document.cookie' });
    await reject.locator('summary').click();
    assert.equal(
      await reject.locator('pre').innerText(),
      '<script>alert(document.cookie)</script>\\x00\\u{202e}',
    );
    await reject.getByRole('button', { name: 'Replay' }).click();
    await reject.getByText('it is still not usable').waitFor();
    await page.getByLabel('Reason').selectOption('too_late');
    const late = page.locator('.rejects li', { hasText: 'too late' });
    await late.locator('summary').click();
    await late.getByRole('button', { name: 'Replay' }).click();
    await late.getByText('Taken again').waitFor();
    assert.equal(fixture.pushed.length, 1);
    assert.match(String(fixture.pushed[0]), /headphones/);
    await close();
  });

  test('a pipeline that is not heard of is not called healthy', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`);
    await page.getByText('Nothing holds time back').waitFor();
    assert.equal(await textOf(page, '.pipeline .health dd'), 'healthy');
    await fixture.close();
    await page.locator(mood('lost')).waitFor();
    assert.equal(await textOf(page, '.pipeline .health dd'), 'unknown');
    assert.match(
      await textOf(page, '.pipeline .why-line'),
      /^Disconnected: what holds time back is not known\. .* as of \d\d:\d\d:\d\d\.$/,
    );
    assert.equal(await textOf(page, '.stale-tag'), 'stale');
    await close();
  });

  test('a slow answer to a former filter does not replace the list', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(browser, 'about:blank');
    let answered = 0;
    await page.route('**/v1/rejected?*', async (route) => {
      const isFormer = !route.request().url().includes('reason=');
      if (isFormer) await new Promise((resolve) => setTimeout(resolve, 1_000));
      // One that was given up can be answered no more.
      await route.continue().catch(() => {});
      answered++;
    });
    await page.goto(`${fixture.url}/#/pipeline`);
    await page.getByLabel('Reason').selectOption('too_late');
    const list = page.locator('.rejects li');
    await list.first().waitFor();
    await eventually(async () => answered === 2);
    await page.waitForTimeout(500);
    assert.equal(await list.count(), 1);
    assert.match(await list.first().innerText(), /too late/);
    assert.deepEqual(errors, []);
    await close();
  });

  test('no width needs scrolling sideways, cuts a cell off or writes one over another', async (t) => {
    const fixture = await startFixture({ products: 24, edges: true, ageMs: 27_000 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    for (const width of [320, 360, 640, 641, 768, 900, 901, 1024, 1140, 1141, 1280]) {
      await page.setViewportSize({ width, height: 780 });
      for (const [hash, last] of [
        ['#/', ROW],
        ['#/product/desk-lamp-classic', '.windows tbody tr'],
        ['#/pipeline', '.rejects li'],
      ] as const) {
        await page.evaluate(`location.hash = '${hash}'`);
        await page.locator(last).first().waitFor();
        await page.waitForTimeout(300);
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(wide <= width, `${hash} is ${wide} wide in a window of ${width}`);
        assert.deepEqual(await page.evaluate(`(${CROWDED})()`), [], `${hash} at ${width}`);
      }
    }
    await close();
  });

  test('where nothing comes, that is said to be why no window closes', async (t) => {
    const fixture = await startFixture({ products: 5, ageMs: 27_000, quiet: true });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    await page.locator(mood('stale')).waitFor();
    await page.locator('.why', { hasText: 'no events come in; nothing holds time back' }).waitFor();
    assert.equal(await textOf(page, '.health dd'), 'healthy');
    await close();
  });

  test('less motion means none', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const look = { reducedMotion: 'reduce' as const };
    const { page, close } = await openPage(browser, fixture.url, look);
    await page.locator(ROW).first().waitFor();
    fixture.next();
    await page.waitForTimeout(300);
    const moving = 'document.getAnimations().length';
    assert.equal(await page.evaluate(moving), 0);
    await close();
  });

  test('the colours can be chosen and are remembered', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.locator(ROW).first().waitFor();
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await page.getByRole('button', { name: /^Colours/ }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    assert.equal(await background(), 'rgb(14, 17, 22)');
    await page.reload();
    await page.locator(ROW).first().waitFor();
    assert.equal(await background(), 'rgb(14, 17, 22)');
    await close();
  });

  test('while characters are composed, Enter and Escape belong to that', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, fixture.url);
    const field = page.getByRole('searchbox');
    await field.fill('desk');
    for (const key of ['Enter', 'Escape'])
      await field.dispatchEvent('keydown', { key, isComposing: true });
    assert.equal(await field.inputValue(), 'desk');
    assert.equal(await page.evaluate('document.activeElement?.type'), 'search');
    await close();
  });

  test('everything by keyboard', async (t) => {
    const fixture = await startFixture({ products: 24 });
    t.after(() => fixture.close());
    const { page, errors, close } = await openPage(browser, fixture.url);
    await page.locator(ROW).first().waitFor();
    const names = await page.locator(`${ROW} .product a`).allInnerTexts();
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
      await page.waitForTimeout(100);
    };
    await press('j', 'j', 'k');
    assert.equal(await focused(page), names[0]);
    await press('j', 'Enter');
    await page.locator('h1', { hasText: names[1]! }).waitFor();
    await press('Escape');
    await page.locator(ROW).first().waitFor();
    await press('j');
    assert.equal(await focused(page), names[2], 'on from the product that was left');
    await page.getByRole('link', { name: 'Pipeline' }).click();
    await page.locator('.ledger-bar').waitFor();
    await press('Escape');
    await page.locator(ROW).first().waitFor();
    await press('?');
    await page.locator('dialog[open]').waitFor();
    assert.equal(await focused(page), 'Close');
    await press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await press('/');
    await page.keyboard.type('desk');
    const drawn = () => page.locator(ROW).count();
    await eventually(async () => (await drawn()) === 5);
    await press('Enter');
    assert.match(await focused(page), /^desk/);
    await press('/', 'Escape', 'Escape');
    await eventually(async () => (await drawn()) > 20);
    await page.locator('button', { hasText: 'Clicks' }).focus();
    await press('Enter');
    await page.locator('[aria-sort="descending"]', { hasText: 'Clicks' }).waitFor();
    for (let i = 0; i < 23; i++) await page.keyboard.press('j');
    await press('j');
    const box = await page.locator(':focus').boundingBox();
    assert.ok(box !== null && box.y > 0 && box.y + box.height <= 900, 'the last row is in view');
    assert.deepEqual(errors, []);
    await close();
  });

  test('a key that is pressed as soon as a view is drawn is taken by that view', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const { page, close } = await openPage(browser, `${fixture.url}/#/?search=desk`);
    await page.locator(ROW).first().waitFor();
    await page.evaluate(ESCAPE_AT_ONCE);
    await page.locator(`${ROW} a`).first().click();
    await page.waitForFunction('pressed === 1');
    await page.locator(ROW).first().waitFor({ timeout: 10_000 });
    assert.equal(await page.getByPlaceholder('Search').inputValue(), 'desk');
    await close();
  });

  test('figures of a phone stand apart from each other', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const look = { width: 390, height: 844 };
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`, look);
    await page.locator('.totals dt').nth(4).waitFor();
    const gap = await page.evaluate<number>(LEAST_GAP);
    assert.ok(gap >= 8, `${gap} px between two names`);
    await close();
  });

  test('Tab reaches every control, and each shows that it has the focus', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    for (const [hash, last] of [
      ['#/', `${ROW}:nth-of-type(5)`],
      ['#/product/desk-lamp-classic', '.figures tbody tr'],
      ['#/pipeline', '.rejects li:nth-of-type(5)'],
    ] as const) {
      const { page, close } = await openPage(browser, `${fixture.url}/${hash}`);
      await page.locator(last).first().waitFor();
      await page.waitForTimeout(300);
      const controls = await page.evaluate<number>(COUNT_CONTROLS);
      const reached = new Set<number>();
      for (let i = 0; i < controls + 6; i++) {
        await page.keyboard.press('Tab');
        const [index, outlined] = await page.evaluate<[number, boolean]>(WHERE);
        if (index < 0) continue;
        assert.ok(outlined, `control ${index} of ${hash} shows no focus`);
        reached.add(index);
      }
      assert.equal(reached.size, controls, hash);
      await close();
    }
  });
});

/** Presses Escape when a product has just been drawn, before a frame shows it. */
const ESCAPE_AT_ONCE = `
  globalThis.pressed = 0;
  new MutationObserver(() => {
    if (pressed > 0 || document.querySelector('.product-name') === null) return;
    pressed++;
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  }).observe(document.getElementById('main'), { childList: true, subtree: true });`;
/** Where the first and the last letter of an element's text are. */
const ENDS = `(place, product) => {
  const all = [...document.querySelectorAll(place)];
  const element = all.find(({ textContent }) => textContent === product);
  const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
  return [0, text.length - 1].map((at) => {
    const letter = document.createRange();
    letter.setStart(text, at);
    letter.setEnd(text, at + 1);
    return letter.getBoundingClientRect().left;
  });
}`;
/** Cells that leave their table or can be scrolled, and a head that its scale is written over. */
const CROWDED = `() => {
  const box = (element) => element.getBoundingClientRect();
  const cells = [...document.querySelectorAll(
    '.league :is([role=cell], [role=rowheader], [role=columnheader])')];
  const cut = cells.filter((cell) => box(cell).right > box(cell.parentElement).right + 1);
  const main = box(document.getElementById('main')).right;
  const figures = [...document.querySelectorAll('.figures :is(th, td)')].filter(
    (cell) => box(cell).right > main || cell.scrollWidth > cell.clientWidth + 1,
  );
  const scrolled = [...document.querySelectorAll('main *')].filter(
    (element) => element.scrollWidth > element.clientWidth + 1 &&
      ['auto', 'scroll'].includes(getComputedStyle(element).overflowX),
  );
  const over = [...document.querySelectorAll('.scale')].filter(
    (scale) => box(scale).left < box(scale.parentElement.querySelector('button')).right,
  );
  return [...cut, ...figures, ...scrolled, ...over].map((element) => element.textContent);
}`;
/** Least distance of the text of one name of a figure from the next in its row. */
const LEAST_GAP = `(() => {
  const boxes = [...document.querySelectorAll('.totals dt')].map((name) => {
    const text = document.createRange();
    text.selectNodeContents(name);
    return text.getBoundingClientRect();
  });
  const gaps = boxes.slice(1).flatMap((box, i) =>
    box.top === boxes[i].top ? box.left - boxes[i].right : []);
  return Math.min(...gaps);
})()`;
const CONTROLS = `[...document.querySelectorAll(
  'a[href], button:not(:disabled), input:not([type=radio]), input:checked, select, summary')]
  .filter((control) => control.checkVisibility() && !control.closest('dialog'))`;
const COUNT_CONTROLS = `${CONTROLS}.length`;
/** Which control has the focus, and whether it or what holds it is outlined. */
const WHERE = `(() => {
  const here = document.activeElement;
  const outlined = [here, here?.parentElement].some(
    (element) => element && getComputedStyle(element).outlineStyle !== 'none');
  return [${CONTROLS}.indexOf(here), outlined];
})()`;
