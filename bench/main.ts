/**
 * `npm run bench`: what the project promises, measured in one run on one machine. Quotes CPU
 * seconds
 * and ratios; wall-clock times only where a person waits. `--quick` takes fewer events.
 */
import { benchHttp } from './http.ts';
import { machine } from './measure.ts';
import { benchPath } from './path.ts';
import { benchMemory, benchStart } from './process.ts';
import { burst, steady } from './stream.ts';

const isQuick = process.argv.includes('--quick');
const events = isQuick ? 300_000 : 1_000_000;

function row(name: string, figure: string, more = ''): void {
  process.stdout.write(`${name.padEnd(46)} ${figure.padStart(14)}  ${more}\n`);
}

process.stdout.write(
  `${machine()}\n\nCPU seconds per million events (${events} events, 137 bytes each)\n`,
);
for (const products of [5, 1_000, 100_000]) {
  const samples = await benchPath(events, products, isQuick ? 2 : 5);
  const [nested, text, core] = samples;
  for (const { name, cpuPerMillion } of samples) {
    const times = (other: { cpuPerMillion: number }) =>
      `${(other.cpuPerMillion / cpuPerMillion).toFixed(1)} ×`;
    const share = (core.cpuPerMillion / cpuPerMillion).toFixed(2);
    const more = `${times(nested)} nested, ${times(text)} text keys, ${share} × decode + engine`;
    row(name, cpuPerMillion.toFixed(3), more);
  }
}

process.stdout.write('\nHTTP, for each CPU second of the server\n');
for (const { name, perCpuSecond } of await benchHttp(isQuick ? 700 : 1_500))
  row(name, perCpuSecond.toLocaleString('en'));

process.stdout.write('\nThe live stream, commit to client (wall clock: an idle machine only)\n');
const seconds = isQuick ? 4 : 10;
for (const [readers, stuck, changesPerSecond] of [
  [200, 0, 1_000],
  [1_000, 50, 100],
]) {
  const sample = await steady({ readers, stuck, changesPerSecond, seconds, products: 1_000 });
  const name = `${readers} readers (${stuck} never read), ${changesPerSecond} changes/s`;
  const more = `p50 ${sample.p50Ms} ms, ${sample.gaps} gaps, ${sample.cpuShare} of a core`;
  row(name, `p99 ${sample.p99Ms} ms`, more);
}
const { maxMs, gaps } = await burst(100, 10_000);
row('burst of 10 000 changes to 100 readers', `${maxMs} ms`, `${gaps} gaps`);

process.stdout.write('\nThe process of `clickrate run`\n');
const { firstAnswerMs } = await benchStart();
row('launch to first answer', `${firstAnswerMs.toFixed(0)} ms`);
const { residentMb, products } = await benchMemory();
row(`resident, ${products} products in 3 windows`, `${residentMb.toFixed(0)} MB`);
