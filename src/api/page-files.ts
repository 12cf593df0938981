/** The files of the built page, read into memory once. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The built page: the document, and files by their path as a browser asks for them. */
export type PageFiles = { index: string; assets: ReadonlyMap<string, PageAsset> };
export type PageAsset = { type: string; plain: Buffer; gzip: Buffer };

const TYPES: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The page built into `folder`; null where there is none. */
export function readPage(folder: string): PageFiles | null {
  const document = join(folder, 'index.html');
  if (!existsSync(document)) return null;
  const assets = new Map<string, PageAsset>();
  for (const name of readdirSync(join(folder, 'assets'))) {
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const plain = readFileSync(join(folder, 'assets', name));
    assets.set(`/assets/${name}`, { type, plain, gzip: gzipSync(plain, { level: 9 }) });
  }
  return { index: readFileSync(document, 'utf8'), assets };
}
