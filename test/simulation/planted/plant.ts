/**
 * Plants the bug that `CLICKRATE_PLANT` names into what this process loads, as in
 * `node --import ./test/simulation/planted/plant.ts --test …`; or the one that `plant` is told.
 */
import { registerHooks } from 'node:module';
import { BUGS, type Bug } from './bugs.ts';

export function plant({ name, file, find, replace }: Bug): void {
  const target = new URL(`../../../src/${file}`, import.meta.url).href;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      const text = String(loaded.source);
      const places = text.split(find).length - 1;
      if (places !== 1)
        throw new Error(`"${name}" has ${places} places in src/${file}, not one: ${find}`);
      return { ...loaded, source: text.replace(find, () => replace) };
    },
  });
}

export function bugOf(name: string): Bug {
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`no bug is called "${name}"`);
  return bug;
}

if (process.env.CLICKRATE_PLANT) plant(bugOf(process.env.CLICKRATE_PLANT));
