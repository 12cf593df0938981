/** Costs are differences of two lengths, of medians and round by round. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markdown } from '../../bench/markdown.ts';
import { Report } from '../../bench/report.ts';
import { costOf, interleaved, type Run, timesOf } from '../../bench/slope.ts';

const run = (events: number, cpuSeconds: number, peakMb = 100): Run => ({
  events,
  cpuSeconds,
  peakMb,
});
const M = 1_000_000;

test('what an event costs is the difference of the medians over the events between', () => {
  // A start takes 0.5 s, a million 0.1 s; one run of each length was disturbed.
  const short = [run(M, 0.6), run(M, 0.6), run(M, 5)];
  const long = [run(3 * M, 0.8), run(3 * M, 4, 130), run(3 * M, 0.8)];
  const cost = costOf(short, long);
  assert.equal(cost.perMillion.toFixed(3), '0.100');
  assert.equal(cost.wholePerMillion.toFixed(3), '0.267');
  assert.deepEqual(
    cost.rounds.map((perMillion) => perMillion.toFixed(2)),
    ['0.10', '1.70', '-2.10'],
  );
  assert.equal(cost.peakMb, 130);
});

test('two costs are compared by their medians, and by the rounds in which both ran', () => {
  const ours = costOf([run(M, 1), run(M, 1)], [run(2 * M, 1.1), run(2 * M, 1.2)]);
  const theirs = costOf([run(M, 3), run(M, 3)], [run(2 * M, 5), run(2 * M, 6)]);
  const { value, rounds } = timesOf(theirs, ours);
  assert.equal(value.toFixed(2), '16.67');
  assert.deepEqual(
    rounds.map((times) => times.toFixed(0)),
    ['20', '15'],
  );
});

test('ways run in turn, both lengths of each in every round', async () => {
  const seen: string[] = [];
  const way = (key: string) => ({
    key,
    what: key,
    run: async (length: 'short' | 'long', round: number) => {
      seen.push(`${key} ${length} ${round}`);
      return run(length === 'short' ? 1 : 2, 1);
    },
  });
  const costs = await interleaved([way('a'), way('b')], 2);
  const round = (n: number) => ['a', 'b'].flatMap((k) => [`${k} short ${n}`, `${k} long ${n}`]);
  assert.deepEqual(seen, [...round(0), ...round(1)]);
  assert.deepEqual([...costs.keys()], ['a', 'b']);
});

test('a row says whether its bound holds, and between what its rounds lay', () => {
  const report = new Report();
  const row = { id: 'a/b', against: 'a thing', unit: '×', load: 'some' };
  report.row({ ...row, value: 3, bound: { least: 3 }, rounds: [2.5, 3.25, 3] });
  report.row({ ...row, value: 3.01, bound: { most: 3 } });
  report.row({ ...row, value: Number.NaN, bound: { most: 3 } });
  assert.deepEqual(
    report.rows.map(({ holds, range }) => [holds, range]),
    [
      [true, '2.50–3.25'],
      [false, undefined],
      [false, undefined],
    ],
  );
  const table = markdown(report);
  assert.match(table, /\| a thing \| ≥ 3 × \| \*\*3\.00 ×\*\* \| 2\.50–3\.25 \| some \|/);
  assert.match(table, /\| a thing \| ≤ 3 × \| 3\.01 × \| {2}\| some \|/);
});
