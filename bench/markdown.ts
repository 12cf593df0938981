/** The tables of docs/performance.md, as Markdown to paste, from what one run measured. */
import { type Report, rounded } from './report.ts';

export function markdown({ at, machine, rows, figures, left }: Report): string {
  const { cpu, cpuFamily, cores, memoryGb, kernel, versions } = machine;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `One run on ${at.slice(0, 10)}: ${cpu} (${cpuFamily}), ${cores} cores, ${memoryGb} GB, ` +
      `Linux ${kernel}; ${programs.join(', ')}.`,
    ...left.map(({ suite, why }) => `\`${suite}\` was left out: ${why.split('\n')[0]}.`),
    '',
    ...table(
      ['against', 'asked', 'measured', 'by round', 'load'],
      rows.map(({ against, asked, measured, range = '', holds, load }) => [
        ...[against, asked, holds ? `**${measured}**` : measured, range, load],
      ]),
    ),
    '',
    ...table(
      ['figure', 'value', ''],
      figures.map(({ what, value, unit, more = '' }) => [what, `${rounded(value)} ${unit}`, more]),
    ),
    '',
  ].join('\n');
}

function table(heads: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(line)];
}
