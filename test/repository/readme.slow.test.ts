/** The README shows only what was run: its commands are run here, and their output compared. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { endsOf } from '../../src/api/live.ts';
import { OPTIONS } from '../../src/config.ts';
import { ctr } from '../../src/result.ts';
import { eventually, outputOf, ROOT, start, temporary } from '../support/processes.ts';

type Command = { command: string; output: string };

/** The commands (`$`, continued by `>`) of the blocks behind a marker, with the output shown. */
function blocks(marker: string): Command[][] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const pattern = new RegExp(`<!-- ${marker} -->\n\`\`\`console\n([^]*?)\`\`\``, 'g');
  return [...readme.matchAll(pattern)].map(([, block]) => {
    const commands: Command[] = [];
    for (const line of block.trimEnd().split('\n')) {
      const last = commands.at(-1);
      if (line.startsWith('$ ')) commands.push({ command: line.slice(2), output: '' });
      else if (line.startsWith('> ') && last) last.command += `\n${line.slice(2)}`;
      else if (last) last.output += `${line}\n`;
    }
    return commands;
  });
}

function run(command: string, cwd: string): string {
  const { stdout, stderr, status } = spawnSync('bash', ['-c', command], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command}\n${stderr}`);
  return stdout + stderr;
}

test('commands with an exact output', (t) => {
  // A copy, because the commands write files where they are run.
  const copy = temporary(t);
  for (const name of ['src', 'test', 'scripts', 'package.json', 'package-lock.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const all = blocks('run');
  assert.equal(all.length, 2);
  for (const commands of all)
    for (const { command, output } of commands) assert.equal(run(command, copy), output, command);
});

test('no command takes the node of the machine, which may be too old for the sources', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const commands = [...readme.matchAll(/^[$>] (.*)$/gm)].map(([, command]) => command);
  assert.ok(commands.length > 15);
  assert.deepEqual(
    commands.filter((command) => /(^|[|&;] *)node /.test(command)),
    [],
  );
});

/** Numbers, and cursors made of them, differ from run to run. */
function shapeOf(text: string): string {
  return text
    .trim()
    .replace(/"next":"[^"]+"/, '"next":""')
    .replace(/"(previous|p_value|change)":(null|\{[^}]*\}|[\d.e-]+)/g, '"$1":')
    .replace(/\d+(\.\d+)?/g, '#');
}

test('rates are those of the counts beside them', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const shown = readme.matchAll(/"ctr":([\d.]+),"impressions":(\d+),"clicks":(\d+)/g);
  const rates = [...shown].map(([, ...numbers]) => numbers.map(Number));
  assert.ok(rates.length > 4);
  for (const [rate, impressions, clicks] of rates) assert.equal(rate, ctr(impressions!, clicks!));
  const ends = /("impressions":(\d+),"clicks":(\d+),[^{}]*)"ctr_low":([\d.]+),"ctr_high":([\d.]+)/;
  const [, , impressions, clicks, low, high] = ends.exec(readme)!.map(Number);
  assert.deepEqual({ low, high }, endsOf(impressions!, clicks!));
});

test('commands against the running server', async (t) => {
  const child = start('npm', ['start', '--', '--port', '0', '--data', temporary(t)]);
  t.after(() => child.kill('SIGTERM'));
  const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/, 60_000);
  // The first window may be the last moment of one: too few impressions for what is shown.
  await eventually(async () => {
    const found = await (await fetch(`${url}/ctr/latest`)).json();
    const rows = Object.values(found as Record<string, { impressions: number }>);
    return rows.length === 5 && rows.every(({ impressions }) => impressions >= OPTIONS.minSample);
  }, 40_000);
  const all = blocks('shape: npm start');
  assert.equal(all.length, 2);
  for (const commands of all) {
    for (const { command, output } of commands) {
      const here = command.replaceAll('http://127.0.0.1:8000', url);
      assert.equal(shapeOf(run(here, ROOT)), shapeOf(output), command);
    }
  }
});
