/** What keeps people out, as axe-core finds it (WCAG 2.2 AA), in every view and both colours. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type Look, launch, NO_CHROMIUM, openPage } from './chromium.ts';
import { type Scene, startFixture } from './fixture.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

type Found = { id: string; impact: string; help: string; nodes: { html: string }[] };
type View = { name: string; scene: Scene; hash?: string; look?: Look; key?: string };

const SHOP: Scene = { products: 12, edges: true };
const PRODUCT = '#/product/desk-lamp-classic';
const DARK: Look = { scheme: 'dark' };
const PHONE: Look = { width: 360, height: 780 };
const VIEWS: View[] = [
  { name: 'league', scene: SHOP },
  { name: 'league, dark', scene: SHOP, look: DARK },
  { name: 'league, phone', scene: SHOP, look: PHONE },
  { name: 'league, stale', scene: { ...SHOP, ageMs: 27_000 } },
  { name: 'league, stale, dark', scene: { ...SHOP, ageMs: 27_000 }, look: DARK },
  { name: 'help', scene: SHOP, key: '?' },
  { name: 'empty', scene: { products: 0 } },
  { name: 'product', scene: SHOP, hash: PRODUCT },
  { name: 'product, dark', scene: SHOP, hash: PRODUCT, look: DARK },
  { name: 'product, phone', scene: SHOP, hash: PRODUCT, look: PHONE },
  { name: 'pipeline', scene: { ...SHOP, ageMs: 27_000 }, hash: '#/pipeline' },
  { name: 'pipeline, dark', scene: { ...SHOP, ageMs: 27_000 }, hash: '#/pipeline', look: DARK },
  { name: 'pipeline, phone', scene: SHOP, hash: '#/pipeline', look: PHONE },
];

describe('axe-core finds nothing', { skip: NO_CHROMIUM, timeout: 180_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());

  for (const { name, scene, hash = '', look, key } of VIEWS)
    test(name, async (t) => {
      const fixture = await startFixture(scene);
      t.after(() => fixture.close());
      const { page, close } = await openPage(browser, `${fixture.url}/${hash}`, look);
      await page.locator('#main h1').first().waitFor({ state: 'attached' });
      await page.waitForTimeout(1_800);
      if (key !== undefined) await page.keyboard.press(key);
      await page.evaluate(AXE);
      const run = `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then((r) => r.violations)`;
      const found = await page.evaluate<Found[]>(run);
      const said = found.map(
        ({ id, impact, help, nodes }) =>
          `${impact} ${id}: ${help} (${nodes.length}) ${nodes[0]?.html}`,
      );
      assert.deepEqual(said, []);
      await close();
    });
});
