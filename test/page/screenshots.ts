/**
 * `node test/page/screenshots.ts [folder]`: draws docs/screenshots again. They are to be looked at,
 * not compared: `states.slow.test.ts` holds what the page does.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { ROOT } from '../support/processes.ts';
import { type Look, launch, openPage } from './chromium.ts';
import { type Fixture, type Scene, startFixture } from './fixture.ts';

type Shot = Look & {
  name: string;
  scene: Scene;
  hash?: string;
  /** What is done before the picture. */
  act?: (page: Awaited<ReturnType<typeof openPage>>['page'], fixture: Fixture) => Promise<unknown>;
};

const SHOP: Scene = { products: 24, past: 350 };
const NAME = '#/product/trail-shoes-classic';
const PHONE = { width: 360, height: 780 };
/** As far down as its tables. */
const LONG_PHONE = { ...PHONE, height: 1_280 };
const SHOTS: Shot[] = [
  { name: 'league-light', scene: SHOP },
  { name: 'league-dark', scene: SHOP, scheme: 'dark' },
  { name: 'league-1024', scene: SHOP, width: 1024, height: 768 },
  { name: 'phone', scene: SHOP, ...PHONE },
  { name: 'phone-dark', scene: SHOP, ...PHONE, scheme: 'dark' },
  { name: 'edges', scene: { products: 5, edges: true } },
  { name: 'many', scene: { products: 10_000 } },
  { name: 'empty', scene: { products: 0 } },
  { name: 'stale', scene: { ...SHOP, ageMs: 27_000 } },
  {
    name: 'disconnected',
    scene: SHOP,
    act: async (page, fixture) => {
      await fixture.close();
      await page.waitForTimeout(4_500);
    },
  },
  { name: 'product-light', scene: SHOP, hash: NAME },
  { name: 'product-dark', scene: SHOP, hash: NAME, scheme: 'dark' },
  { name: 'product-phone', scene: SHOP, hash: NAME, ...LONG_PHONE },
  {
    name: 'pipeline-light',
    scene: SHOP,
    hash: '#/pipeline',
    act: (page) => page.locator('.rejects summary').nth(3).click(),
  },
  { name: 'pipeline-dark', scene: { ...SHOP, ageMs: 27_000 }, hash: '#/pipeline', scheme: 'dark' },
  { name: 'pipeline-phone', scene: SHOP, hash: '#/pipeline', ...LONG_PHONE },
];

async function take(browser: Browser, shot: Shot, folder: string): Promise<void> {
  const fixture = await startFixture(shot.scene);
  const { page, close } = await openPage(browser, `${fixture.url}/${shot.hash ?? ''}`, shot);
  await page.waitForTimeout(3_500);
  // The window that closes while somebody looks.
  if (shot.scene.products > 0 && !shot.scene.ageMs) fixture.next();
  await page.waitForTimeout(1_500);
  await shot.act?.(page, fixture);
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, `${shot.name}.png`) });
  await close();
  await fixture.close();
}

/** The same font on every machine that has it, so that pictures differ only where the page does. */
function useOneFont(): () => void {
  const families = ['system-ui', 'sans-serif'].map(
    (family) =>
      `<match target="pattern"><test name="family"><string>${family}</string></test>` +
      '<edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string>' +
      '</edit></match>',
  );
  const place = mkdtempSync(join(tmpdir(), 'clickrate-fonts-'));
  const file = join(place, 'fonts.conf');
  const include = '<include>/etc/fonts/fonts.conf</include>';
  writeFileSync(
    file,
    `<?xml version="1.0"?><fontconfig>${include}${families.join('')}</fontconfig>`,
  );
  process.env.FONTCONFIG_FILE = file;
  return () => rmSync(place, { recursive: true });
}

const forgetFont = useOneFont();
const folder = process.argv[2] ?? join(ROOT, 'docs/screenshots');
const only = process.argv.slice(3);
mkdirSync(folder, { recursive: true });
const browser = await launch();
for (const shot of SHOTS)
  if (only.length === 0 || only.includes(shot.name)) {
    await take(browser, shot, folder);
    process.stdout.write(`${shot.name}\n`);
  }
await browser.close();
forgetFont();
