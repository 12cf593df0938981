/** Files that are read in pieces, for they may be larger than memory; what keeps a repair from its work. */
import assert from 'node:assert/strict';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileHas } from '../../src/repair/find.ts';
import { impossible } from '../../src/repair/impossible.ts';
import { lostIn } from '../../src/sqlite-log.ts';
import { temporary } from '../support/processes.ts';

/** Sparse: it takes no room on the disk. */
const LARGE = 2_200_000_000;
const PIECE = 1_048_576;

test('a text is found wherever it lies in a file', (t) => {
  const file = join(temporary(t), 'file');
  for (const at of [0, 1, PIECE - 4, PIECE - 1, PIECE, 2 * PIECE - 3, 3 * PIECE]) {
    writeFileSync(file, Buffer.concat([Buffer.alloc(at), Buffer.from('needle')]));
    assert.equal(fileHas(file, 'needle'), true, `at ${at}`);
    assert.equal(fileHas(file, 'needles'), false, `at ${at}`);
  }
  truncateSync(file, LARGE);
  writeFileSync(file, 'needle', { flag: 'r+' });
  assert.equal(fileHas(file, 'needle'), true);
});

test('a damaged frame far behind the beginning of a log', (t) => {
  const file = join(temporary(t), 'x.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE x (bytes)');
  const insert = db.prepare('INSERT INTO x VALUES (zeroblob(3900))');
  for (let n = 0; n < 600; n++) insert.run();
  const log = readFileSync(`${file}-wal`);
  db.close();
  writeFileSync(`${file}-wal`, log);
  assert.equal(lostIn(file), null);
  const frame = 24 + 4_096;
  const isCommit = (n: number) => log.readUInt32BE(32 + n * frame + 4) !== 0;
  const frames = (log.length - 32) / frame;
  assert.ok(frames > 600);
  for (const bad of [0, 255, 256, 257, 511, 512, 600]) {
    const flipped = Buffer.from(log);
    const at = 32 + bad * frame;
    flipped[at + 24 + bad] ^= 1;
    writeFileSync(`${file}-wal`, flipped);
    const commits = Array.from({ length: frames - bad }, (_, n) => bad + n).filter(isCommit);
    assert.deepEqual(lostIn(file), { at, commits: commits.length });
  }
  // Without its head all of the log is lost: in it, too, stands how long a page is.
  const all = Array.from({ length: frames }, (_, n) => n).filter(isCommit);
  for (const bad of [0, 10, 16, 31]) {
    const flipped = Buffer.from(log);
    flipped[bad] ^= 1;
    writeFileSync(`${file}-wal`, flipped);
    assert.deepEqual(lostIn(file), { at: 0, commits: all.length });
  }
  // Frames of an older log are behind it.
  const older = Buffer.from(log.subarray(32 + frame));
  for (let at = 8; at < older.length; at += frame) older[at] ^= 1;
  const head = Buffer.from(log.subarray(0, 32 + frame));
  head[0] ^= 1;
  writeFileSync(`${file}-wal`, Buffer.concat([head, older]));
  assert.deepEqual(lostIn(file), { at: 0, commits: 1 });
});

test('a full disk and missing rights are no damage', () => {
  const said = (error: object) => {
    const { code, message } = impossible('clickrate.db', Object.assign(new Error('x'), error));
    return [code, /begin anew/.test(message)];
  };
  assert.deepEqual(said({ code: 'ENOSPC' }), ['store_full', false]);
  assert.deepEqual(said({ code: 'ERR_SQLITE_ERROR', errcode: 13 }), ['store_full', false]);
  assert.deepEqual(said({ code: 'EACCES' }), ['store_unavailable', false]);
  assert.deepEqual(said({ code: 'ERR_SQLITE_ERROR', errcode: 11 }), ['checkpoint_damaged', true]);
});
