/** `clickrate repair` of a directory that is none: nothing is made. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repairDirectory } from '../../src/cli/repair.ts';
import { temporary } from '../support/processes.ts';

test('a directory that is not there is said so, and is not there afterwards', (t) => {
  const none = join(temporary(t), 'none');
  for (const isDry of [true, false])
    assert.throws(() => repairDirectory(none, isDry), {
      code: 'file_unreadable',
      message: /is --data right/,
    });
  assert.ok(!existsSync(none));
});
