/** Law 13 on Flink: its decoder in Java says what the reference says, on one corpus and beyond. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { compileJava } from '../../scripts/flink-jar.ts';
import { flinkFiles } from '../../scripts/stack/flink-artifacts.ts';
import { SETTINGS } from '../../src/config.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { CLICK } from '../../src/event.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { anyRecord, layoutRecord } from '../support/json-text.ts';
import { ROOT } from '../support/processes.ts';
import { Random } from '../support/random.ts';

type Sample = { name: string; bytes: Uint8Array; arrivalMs: number };

suite('the decoder of the Flink job', { skip: withoutFlink() }, () => {
  const classes = mkdtempSync(join(tmpdir(), 'clickrate-decoder-'));
  before(() => {
    const files = globSync(join(ROOT, 'flink/{src,test}/**/*.java'));
    compileJava(files, classes, () => {});
  });
  after(() => rmSync(classes, { recursive: true, force: true }));

  const judge = (samples: readonly Sample[]): string[] => {
    const lines = samples.map(
      ({ bytes, arrivalMs }) => `${Buffer.from(bytes).toString('base64')} ${arrivalMs}\n`,
    );
    const path = [classes, join(flinkFiles(() => {}).lib, '*')].join(delimiter);
    const done = spawnSync('java', ['-cp', path, 'clickrate.flink.Corpus'], {
      input: lines.join(''),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trimEnd().split('\n');
  };

  const agree = (samples: readonly Sample[]) => {
    const found = judge(samples);
    assert.equal(found.length, samples.length);
    for (const [n, { name, bytes, arrivalMs }] of samples.entries())
      assert.equal(found[n], expected(bytes, arrivalMs), name);
  };

  test('agrees on the corpus', () => {
    const lines = readFileSync(join(ROOT, 'test/data/decode-corpus.ndjson'), 'utf8').trim();
    const samples = lines.split('\n').map((line) => {
      const { name, base64, arrivalMs } = JSON.parse(line);
      return { name, bytes: Buffer.from(base64, 'base64'), arrivalMs };
    });
    assert.ok(samples.length > 400);
    agree(samples);
  });

  test('agrees on random texts and bytes', () => {
    const seed = 1;
    const random = new Random(seed);
    const samples = Array.from({ length: 20_000 }, (_, n): Sample => {
      const made = n % 2 === 0 ? anyRecord(random) : layoutRecord(random, n % 50);
      return { name: `seed ${seed}, sample ${n}`, ...made };
    });
    agree(samples);
  });

  test('takes a record to which its producer gave no time for one that arrives now', () => {
    const sample = (timestamp: number) => {
      const event = { product_id: 'p', timestamp, event_type: 'click' };
      return { name: String(timestamp), bytes: Buffer.from(JSON.stringify(event)), arrivalMs: -1 };
    };
    const nowMs = Date.now();
    const found = judge([sample(nowMs), sample(nowMs + 1e6), sample(9_000)]);
    assert.deepEqual(found, [
      `${nowMs} true u.112 null`,
      'future_timestamp',
      '9000 true u.112 null',
    ]);
  });
});

/** As `Corpus.java` prints it. */
function expected(bytes: Uint8Array, arrivalMs: number): string {
  const found = judgeReference(bytes, 0, bytes.length, arrivalMs, SETTINGS);
  if ('reject' in found) return found.reject;
  const { time, product, kind, eventId } = found;
  return `${time} ${kind === CLICK} ${units(product)} ${units(eventId)}`;
}

function units(text: string | null): string {
  if (text === null) return 'null';
  return `u${Array.from(text.split(''), (unit) => `.${unit.charCodeAt(0)}`).join('')}`;
}
