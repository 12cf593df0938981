/**
 * Variables whose name is nearly that of an option. Nobody reads them, so what they say would not
 * be in force, and nobody would be told.
 */
import { OPTIONS, SETTINGS } from '../config.ts';
import { variableOf } from './options.ts';

/** What differs in more letters is somebody else's. */
const FARTHEST = 2;
const PREFIX = 'CLICKRATE_';
/** Read, but by no option's name. */
const OTHERS = ['CLICKRATE_CONFIG', 'CLICKRATE_FLINK_JAR', 'CLICKRATE_WORKER_SLOT'];

/** What each misspelt variable may be meant for. */
export function misspelt(environment: NodeJS.ProcessEnv): [variable: string, meant: string][] {
  const options = [...Object.keys(OPTIONS), ...Object.keys(SETTINGS)].map(variableOf);
  const known = [...options.flatMap((name) => [name, `${name}_FILE`]), ...OTHERS];
  const found: [string, string][] = [];
  for (const name of Object.keys(environment).sort()) {
    if (!name.startsWith(PREFIX) || known.includes(name)) continue;
    const [meant] = known
      .map((word) => ({ word, letters: lettersBetween(name, word) }))
      .filter(({ letters }) => letters <= FARTHEST)
      .sort((a, b) => a.letters - b.letters);
    if (meant !== undefined) found.push([name, meant.word]);
  }
  return found;
}

/** Levenshtein's distance: letters put in, taken out or exchanged. */
function lettersBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1] + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, exchanged));
    }
    row = next;
  }
  return row[b.length];
}
