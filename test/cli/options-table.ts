/** The tables of `docs/options.md`, made from the program's own. */
import { HELP } from '../../src/cli/command.ts';
import { flagOf, variableOf } from '../../src/cli/options.ts';
import { OPTIONS, SETTINGS } from '../../src/config.ts';

const TABLES = { settings: SETTINGS, options: OPTIONS };

export function optionsTable(which: keyof typeof TABLES): string {
  const rows = Object.entries(TABLES[which]).map(([name, standard]) => {
    const value = standard === '' ? '' : `\`${standard}\``;
    const text = HELP[name as keyof typeof HELP].replaceAll('|', '\\|');
    return `| \`${name}\` | \`${flagOf(name)}\` | \`${variableOf(name)}\` | ${value} | ${text} |`;
  });
  const head = ['| key | flag | variable | default | meaning |', '|---|---|---|---|---|'];
  return `${[...head, ...rows].join('\n')}\n`;
}
