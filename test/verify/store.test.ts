/** A data directory held against a recount of its journal, or, where that is gone, against itself. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { verifyDirectory } from '../../src/cli/verify-store.ts';
import { recordsOf } from '../../src/event.ts';
import { SUMMED, teachSums } from '../../src/sqlite-check.ts';
import { engineOn, events, used } from '../hostile/directory.ts';
import { temporary } from '../support/processes.ts';
import { Random } from '../support/random.ts';

/** A directory whose journal has every event: its source was never acknowledged. */
async function whole(t: Parameters<typeof temporary>[0]): Promise<string> {
  const directory = join(temporary(t), 'data');
  const engine = await engineOn(directory);
  engine.journal.acknowledge = async () => {};
  const random = new Random(5);
  for (let piece = 0; piece < 8; piece++)
    await engine.journal.append(recordsOf(events(random, piece, 150), 0));
  await engine.run(false);
  await engine.end();
  return directory;
}

/** Changes the file as a fault of the program would: every checksum is right. */
function plant(directory: string, sql: string): void {
  const db = new DatabaseSync(join(directory, 'clickrate.db'));
  teachSums(db);
  db.exec(sql);
  for (const [table, { columns }] of Object.entries(SUMMED))
    db.exec(`UPDATE ${table} SET crc = row_sum(${columns.join(', ')})`);
  db.close();
}

/** Latest of product number 1: one impression more. */
function oneMore(directory: string): void {
  const db = new DatabaseSync(join(directory, 'clickrate.db'));
  const row = db.prepare('SELECT rows FROM rows WHERE bucket = 0').get()?.rows as Uint8Array;
  const numbers = new Float64Array(new Uint8Array(row).buffer);
  numbers[6 + 1] += 1;
  db.prepare('UPDATE rows SET rows = ?').run(new Uint8Array(numbers.buffer));
  db.close();
  plant(directory, '');
}

test('a journal with all events is recounted, and nothing is written', async (t) => {
  const directory = await whole(t);
  const before = readFileSync(join(directory, 'clickrate.db'));
  const { how, differences, expected } = await verifyDirectory(directory);
  assert.deepEqual(differences, []);
  assert.equal(how, 'the journal has all events');
  assert.equal(expected.ledger.get('received'), 1_200);
  assert.ok((expected.ledger.get('too_late') ?? 0) > 0 && expected.windows.size > 200);
  assert.deepEqual(readFileSync(join(directory, 'clickrate.db')), before);
});

test('a recount finds what is planted: in the ledger, in a result, in history', async (t) => {
  const directory = await whole(t);
  oneMore(directory);
  const one = await verifyDirectory(directory);
  assert.deepEqual(
    one.differences.map(({ engine, what }) => [engine, what]),
    [['latest, previous', 'window']],
  );
  plant(
    directory,
    `UPDATE tasks SET status = json_set(status, '$.ledger.verdicts.counted', 7);
     DELETE FROM cells WHERE start = (SELECT max(start) FROM cells)`,
  );
  const more = await verifyDirectory(directory);
  assert.ok(more.differences.some(({ what, where }) => what === 'ledger' && where === 'counted'));
  assert.ok(more.differences.some(({ engine }) => engine === 'history (window)'));
});

test('without the journal the store is held against itself', async (t) => {
  const directory = await used(t);
  const { how, differences, expected } = await verifyDirectory(directory);
  assert.match(how, /no event before offset 1200: the store is held against itself/);
  assert.deepEqual(differences, []);
  assert.equal(expected.ledger.get('received'), 1_200);
  assert.ok(expected.windows.size > 40);
  oneMore(directory);
  plant(directory, "UPDATE tasks SET status = json_set(status, '$.ledger.verdicts.counted', 7)");
  const planted = await verifyDirectory(directory);
  assert.deepEqual(
    planted.differences.map(({ what, where }) => (what === 'ledger' ? where : what)),
    ['window', 'sum of verdicts'],
  );
});
