/** What is looked at is in the page's address: a reload, the way back and a shared link lead there. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { eventually } from '../support/processes.ts';
import { launch, NO_CHROMIUM, openPage } from './chromium.ts';
import { type Fixture, startFixture } from './fixture.ts';

const ROW = '.rows .row';
const PRODUCT = '#/product/desk-lamp-classic';
// Asked of the page: what its driver knows of the address comes a moment later.
const hashOf = (page: Page) => page.evaluate<string>('location.hash');
const chosen = (page: Page) => page.locator('.choice .on').innerText();

describe('the address of the page', { skip: NO_CHROMIUM, timeout: 180_000 }, () => {
  let browser: Browser;
  let fixture: Fixture;
  before(async () => {
    browser = await launch();
    fixture = await startFixture({ products: 24, past: 30 });
  });
  after(async () => {
    await browser.close();
    await fixture.close();
  });

  /** Opens it as it would be in a browser that has never seen the page. */
  async function shared(url: string): Promise<Page> {
    return (await openPage(browser, url)).page;
  }

  test('holds range and step of a product', async () => {
    const { page, errors, close } = await openPage(browser, `${fixture.url}/${PRODUCT}`);
    const step = page.getByLabel('Step');
    await page.locator('.plots canvas').first().waitFor();
    await page.getByText('24 h', { exact: true }).click();
    await step.selectOption('15m');
    assert.equal(await hashOf(page), `${PRODUCT}?range=24h&step=15m`);
    const isThere = async (at: Page) => {
      await at.locator('.product-name').waitFor();
      assert.equal(await chosen(at), '24 h');
      assert.equal(await at.getByLabel('Step').inputValue(), '15m');
    };
    await page.reload();
    await isThere(page);
    const other = await shared(page.url());
    await isThere(other);
    await other.context().close();
    await page.goBack();
    assert.equal(await hashOf(page), `${PRODUCT}?range=24h`);
    await eventually(async () => (await step.inputValue()) === '1m');
    await page.goBack();
    assert.equal(await hashOf(page), PRODUCT);
    await eventually(async () => (await chosen(page)) === '1 h');
    await page.goForward();
    await page.goForward();
    await eventually(async () => (await step.inputValue()) === '15m');
    await isThere(page);
    assert.deepEqual(errors, []);
    await close();
  });

  test('a range or step that there is not is the usual one', async () => {
    const page = await shared(`${fixture.url}/${PRODUCT}?range=toString&step=1d`);
    await page.locator('.product-name').waitFor();
    assert.equal(await chosen(page), '1 h');
    assert.equal(await page.getByLabel('Step').inputValue(), 'window');
    await page.context().close();
  });

  test('holds order and search of the list, to which other views lead back', async () => {
    const { page, errors, close } = await openPage(browser, fixture.url);
    const clicks = page.locator('.head .clicks');
    await clicks.getByRole('button').click();
    await clicks.getByRole('button').click();
    assert.equal(await hashOf(page), '#/?sort=clicks');
    await page.keyboard.press('/');
    await page.keyboard.type('desk l');
    assert.equal(await hashOf(page), '#/?sort=clicks&search=desk+l');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    const isThere = async (at: Page) => {
      await at.locator(ROW).first().waitFor();
      assert.equal(await at.locator('.head .clicks').getAttribute('aria-sort'), 'ascending');
      assert.equal(await at.getByPlaceholder('Search').inputValue(), 'desk');
      assert.equal(await at.locator(ROW).count(), 5);
    };
    await page.reload();
    await isThere(page);
    const other = await shared(page.url());
    await isThere(other);
    await other.context().close();
    for (const way of ['back', 'Escape', 'Products', '← All products']) {
      await page.locator(`${ROW} a`).first().click();
      await page.locator('.product-name').waitFor();
      if (way === 'back') await page.goBack();
      else if (way === 'Escape') await page.keyboard.press('Escape');
      else await page.getByRole('link', { name: way, exact: true }).click();
      await isThere(page);
    }
    await page.keyboard.press('Escape');
    await eventually(async () => (await page.locator(ROW).count()) > 5);
    assert.equal(await hashOf(page), '#/?sort=clicks');
    await page.getByPlaceholder('Search').fill('nothing is called so');
    await page.getByRole('button', { name: 'Clear the search' }).click();
    await page.locator(ROW).first().waitFor();
    assert.equal(await hashOf(page), '#/?sort=clicks');
    assert.deepEqual(errors, []);
    await close();
  });

  test('a product begins at its top, and the way back ends where the list was left', async (t) => {
    const many = await startFixture({ products: 200, past: 100 });
    t.after(() => many.close());
    const { page, close } = await openPage(browser, many.url);
    await page.locator(ROW).first().waitFor();
    const scrolled = () => page.evaluate<number>('scrollY');
    for (const way of ['back', 'Escape']) {
      await page.evaluate('scrollTo(0, 2000)');
      await page.waitForTimeout(500);
      await page.locator(`${ROW} a`).nth(10).click();
      await page.locator('.figures tbody tr').nth(50).waitFor();
      assert.equal(await scrolled(), 0, way);
      if (way === 'back') await page.goBack();
      else await page.keyboard.press('Escape');
      await page.locator(ROW).first().waitFor();
      await page.waitForTimeout(300);
      assert.equal(await scrolled(), 2_000, way);
    }
    await close();
  });

  test('holds the reason of the events that are listed', async () => {
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`);
    await page.getByLabel('Reason').selectOption('too_late');
    assert.equal(await hashOf(page), '#/pipeline?reason=too_late');
    await page.reload();
    const list = page.locator('.rejects li');
    await list.first().waitFor();
    assert.equal(await list.count(), 1);
    assert.equal(await page.getByLabel('Reason').inputValue(), 'too_late');
    await page.goBack();
    await list.nth(4).waitFor();
    await close();
  });
});
