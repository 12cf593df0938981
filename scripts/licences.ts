/** The licences of the packages that a bundle holds: they ask to go wherever their code goes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const LEGAL = /^(licen[cs]e|copying|notice)/i;
const LINE = `\n\n${'-'.repeat(80)}\n\n`;

type Manifest = {
  name: string;
  version: string;
  license?: string;
  repository?: string | { url: string };
};

/** Writes `licenses.txt` beside the bundle: each package whose code is in it. */
export function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) =>
        file.type === 'chunk' ? file.moduleIds : [],
      );
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: licencesOf(modules) });
    },
  };
}

/** The packages that a text of `licences()` names. */
export function packagesIn(text: string): string[] {
  const names = text.split(LINE).map((part) => part.slice(0, part.indexOf(' ')));
  return [...new Set(names)];
}

/** What to tell of the packages that these modules come from, by name. */
function licencesOf(modules: readonly string[]): string {
  const folders = new Set(modules.map(packageOf).filter((folder) => folder !== null));
  // The same version of a package may lie in several places.
  const told = new Set([...folders].map(licenceOf));
  return `${[...told].sort().join(LINE)}\n`;
}

/** In which package's folder a module lies; null where it is ours. */
function packageOf(module: string): string | null {
  const path = module.replaceAll('\\', '/').replace(/^\0/, '');
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? null;
}

function licenceOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const { name, version, license, repository } = manifest;
  const source = typeof repository === 'string' ? repository : (repository?.url ?? '');
  const texts = readdirSync(folder)
    .filter((file) => LEGAL.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  if (texts.length === 0 && license === undefined) throw new Error(`${name} has no licence`);
  const title = `${name} ${version} (${license ?? 'as below'}) ${source}`;
  return [title.trim(), ...texts].join('\n\n');
}
