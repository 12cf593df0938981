/** The list of events that were not counted says what is so, and fills without being asked. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { outputOf, startNode, temporary } from '../support/processes.ts';
import { builtPage } from './built.ts';
import { launch, NO_CHROMIUM, openPage } from './chromium.ts';
import { startFixture } from './fixture.ts';

describe('events that were not counted', { skip: NO_CHROMIUM, timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  test('the first one shows itself', async (t) => {
    builtPage();
    const args = ['run', '--port', '0', '--data', temporary(t)];
    const child = startNode('src/cli/main.ts', args);
    t.after(() => child.kill());
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
    const { page, errors, close } = await openPage(browser, `${url}/#/pipeline`);
    await page.getByText('None is kept. Every event was usable.').waitFor();
    const event = { product_id: 'a', timestamp: Date.now(), event_type: 'click' };
    const body = JSON.stringify([event, { ...event, event_type: 'klick' }]);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
    assert.equal(answer.status, 202);
    await page.locator('.rejects li', { hasText: 'klick' }).waitFor({ timeout: 10_000 });
    assert.deepEqual(errors, []);
    await close();
  });

  test('a list that could not be read is read before long', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    fixture.reader.failure = new Error('gone');
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`);
    await page.getByText('The list could not be read: the request could not be served').waitFor();
    fixture.reader.failure = null;
    await page.locator('.rejects li').first().waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    await close();
  });

  test('those that are kept no more are not called usable', async (t) => {
    const fixture = await startFixture({ products: 5 });
    t.after(() => fixture.close());
    const kept = fixture.reader.kept.splice(0);
    const { page, close } = await openPage(browser, `${fixture.url}/#/pipeline`);
    await page.getByText('None of these is kept any more.').waitFor();
    // Or not yet: they are counted a moment before the commit that keeps them.
    fixture.reader.kept.push(...kept);
    await page.locator('.rejects li').first().waitFor({ timeout: 8_000 });
    await close();
  });
});
