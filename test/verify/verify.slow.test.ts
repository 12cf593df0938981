/** `clickrate verify` on the local engine, as a user runs it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { generateCommand } from '../../src/cli/generate.ts';
import { localOutcome } from '../../src/cli/verify-local.ts';
import { settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { differences } from '../../src/verify/compare.ts';
import { oracle } from '../../src/verify/oracle.ts';
import { expected } from '../../src/verify/outcome.ts';
import { readRecords } from '../../src/verify/records.ts';
import { change, plant, used } from '../hostile/directory.ts';
import { ROOT } from '../support/processes.ts';

const directory = mkdtempSync(join(tmpdir(), 'clickrate-verify-test-'));
after(() => rmSync(directory, { recursive: true }));

function verify(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join('src', 'cli', 'main.ts'), 'verify', ...args],
    { cwd: ROOT, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

test('generated events with disorder, late, duplicates and broken ones: no difference', () => {
  const { status, stdout, stderr } = verify('--generate', '60000', '--seed', '5', '--late', '0.02');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^6\d{4} events, \d+ windows: local and the oracle agree, 0 differences/m);
  const [heads, truth] = stdout.split('\n').map((line) => line.trim().split(/ +/));
  for (const verdict of ['duplicate', 'too_late', 'not_json']) {
    const events = Number(truth[heads.indexOf(verdict) + 1]);
    assert.ok(events > 0, `${verdict}: ${stdout}`);
  }
});

test('the Open Bandit file, and the records of the decoder corpus as lines', () => {
  const csv = 'time=timestamp,product=item_id,clicked=click';
  const bandit = verify('test/data/open-bandit/bts-men.csv', '--csv', csv);
  assert.equal(bandit.status, 0, bandit.stdout + bandit.stderr);
  assert.match(bandit.stdout, /10069 events, 9802 windows: .* agree, 0 differences/);
  const corpus = readFileSync(join(ROOT, 'test/data/decode-corpus.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from((JSON.parse(line) as { base64: string }).base64, 'base64'));
  const lines = corpus.flatMap((bytes) => [bytes, Buffer.from('\n')]);
  // Gzip is told by its content.
  const file = join(directory, 'corpus.events');
  writeFileSync(file, gzipSync(Buffer.concat(lines)));
  const decoded = verify(file);
  assert.equal(decoded.status, 0, decoded.stdout + decoded.stderr);
  assert.match(decoded.stdout, /timestamp_unit.*\n.*\n.*\n\d+ events, .* agree, 0 differences\n$/);
});

test('several files, blank lines, Windows line ends, no end at the end, sorting', () => {
  const event = (ts: number) =>
    JSON.stringify({ product_id: 'é', timestamp: 1_700_000_000_000 + ts, event_type: 'click' });
  const [one, two] = [join(directory, 'one.ndjson'), join(directory, 'two.ndjson')];
  writeFileSync(one, `\n${event(40_000)}\r\n\r\n${event(0)}\n\n`);
  writeFileSync(two, `${event(1)}\nnonsense`);
  const asRead = verify(one, two);
  assert.equal(asRead.status, 0, asRead.stderr);
  assert.match(asRead.stdout, /oracle +4 +1 +1 +2 +1\nlocal +4 +1 +1 +2 +1\n/);
  const sorted = verify(one, two, '--sort');
  assert.match(sorted.stdout, /oracle +4 +3 +1 +2\nlocal +4 +3 +1 +2\n/);
});

test('an engine that counts by other rules is seen, event by event', async () => {
  const file = join(directory, 'late.ndjson');
  const generator = { disorderMs: 3_000, late: 0.1 };
  generateCommand({ events: 50_000, out: file, startMs: 1_700_000_000_000, generator });
  const records = await readRecords({ files: [file], sort: false }, Date.now());
  const log = { partition: 'file-0', records };
  const truth = expected(oracle([log], [], { ...settingsWith({}), publishFloor: null }));
  const run = (allowedLatenessMs: number) =>
    localOutcome({
      files: [file],
      sort: false,
      log: silentLog,
      signal: new AbortController().signal,
      settings: settingsWith({ allowedLatenessMs }),
      results: join(directory, 'results.ndjson'),
    });
  assert.deepEqual(differences(truth, await run(5_000)), []);
  const found = differences(truth, await run(4_000));
  assert.deepEqual(new Set(found.map(({ what }) => what)), new Set(['window', 'ledger', 'event']));
  const events = found.filter(({ what }) => what === 'event');
  const more = found.find(({ what, where }) => what === 'ledger' && where === 'too_late')!;
  assert.equal(Number(more.found) - Number(more.expected), events.length);
  assert.ok(events.every((event) => event.found === 'too_late'));
});

test('what cannot be verified is said in one sentence', () => {
  const choice = /verify takes one of these: files, --generate, --data, --store redis/;
  const file = 'test/data/open-bandit/bts-men.csv';
  for (const words of [[], [file, '--data', directory], [file, '--generate', '9']])
    assert.match(verify(...words).stderr, choice);
  assert.match(verify('--generate', '9', '--store', 'redis').stderr, choice);
  assert.match(verify('x', '--engines', 'local,spark').stderr, /--engines takes local,flink/);
  assert.match(verify('/nonexistent.ndjson').stderr, /nonexistent/);
  assert.equal(verify('/nonexistent.ndjson').status, 1);
});

test('a data directory: 0 when it agrees, 1 when it differs or is not there', async (t) => {
  const data = await used(t);
  const agrees = verify('--data', data);
  assert.equal(agrees.status, 0, agrees.stderr);
  assert.match(agrees.stdout, /\d+ windows: store and the oracle agree, 0 differences/);
  const sql = "UPDATE tasks SET status = json_set(status, '$.ledger.received', 5)";
  change(data, sql);
  const damaged = verify('--data', data);
  assert.equal(damaged.status, 1);
  assert.match(damaged.stderr, /the status of task 0 is damaged; .*clickrate repair/);
  plant(data, sql);
  const differs = verify('--data', data);
  assert.equal(differs.status, 1);
  assert.match(differs.stdout, /latest, previous +ledger +received +1200 +5/);
  const missing = verify('--data', join(data, 'no'));
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /clickrate\.db does not exist; is --data right\?/);
});
