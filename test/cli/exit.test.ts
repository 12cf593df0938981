/** The exit codes that docs/errors.md promises. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodeOf } from '../../src/cli/exit.ts';
import { ClickrateError, ERRORS, type ErrorCode } from '../../src/errors.ts';

test('a wrong command line or setting is told from everything else', () => {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const ended = codes.map((code) => exitCodeOf(new ClickrateError(code, 'why')));
  const wrong = codes.filter((_, n) => ended[n]!.code === 2);
  assert.deepEqual(wrong, ['config_invalid', 'usage']);
  assert.ok(ended.every(({ code, text }) => code >= 1 && code <= 2 && text === 'clickrate: why'));
  assert.deepEqual(exitCodeOf(new Error('why')), { code: 1, text: 'clickrate: why' });
});

test('who has read enough of the output makes nothing fail', () => {
  const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const error = new ClickrateError('file_unreadable', 'why', { cause: closed });
  assert.deepEqual(exitCodeOf(error), { code: 0, text: '' });
});
