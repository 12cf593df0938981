/** A write-ahead log beyond 2 GiB, which cannot be read at once. */
import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lostIn } from '../../src/sqlite-log.ts';
import { temporary } from '../support/processes.ts';
import { use } from './directory.ts';

/** Sparse: it takes no room on the disk. */
const LARGE = 2_200_000_000;

test('a log of more than 2 GiB is read to its end', async (t) => {
  const base = temporary(t);
  await use(join(base, 'stopped'), join(base, 'crashed'), 1);
  const file = join(base, 'crashed', 'clickrate.db');
  assert.equal(lostIn(file), null);
  truncateSync(`${file}-wal`, LARGE);
  assert.equal(lostIn(file), null);
});
