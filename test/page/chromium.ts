/** A real Chromium for the tests of the page: the system's own, headless, with an empty profile. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const place = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path));

/** Why tests in a browser cannot run here; false where they can. With CI=true they must. */
export const NO_CHROMIUM: string | false =
  place === undefined && process.env.CI !== 'true'
    ? 'no chromium found; install it or name it in CHROMIUM'
    : false;

/** A browser; the caller closes it. Throws where there is none. */
export async function launch(): Promise<Browser> {
  if (place === undefined) throw new Error('no chromium found: apt-get install chromium');
  return chromium.launch({ executablePath: place, headless: true, args: FLAGS });
}

export type Look = {
  width?: number;
  height?: number;
  scheme?: 'light' | 'dark';
  reducedMotion?: 'reduce' | 'no-preference';
};

/** A page that remembers every error the console or a script reports. */
export async function openPage(browser: Browser, url: string, look: Look = {}) {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1440, height: look.height ?? 900 },
    colorScheme: look.scheme ?? 'light',
    reducedMotion: look.reducedMotion ?? 'no-preference',
    locale: 'en-GB',
    timezoneId: 'UTC',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(url);
  return { page, errors, close: () => context.close() };
}

/** The text of an element, white space folded. */
export async function textOf(page: Page, selector: string): Promise<string> {
  const text = await page.locator(selector).first().innerText();
  return text.replace(/\s+/g, ' ').trim();
}
