/** What a client asks for, by weight. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferred } from '../../src/api/accept.ts';

test('of equal weights the first of the names is chosen; what is refused never is', () => {
  const of = (header: string | undefined) => preferred(header, ['html', 'json']);
  assert.equal(of('json, html'), 'html');
  assert.equal(of('json;q=0.5, html;q=0.5'), 'html');
  assert.equal(of('html;q=0.4, json;q=0.5'), 'json');
  assert.equal(of('html;q=0'), null);
  assert.equal(of('json;q=0, *'), null);
  assert.equal(of(''), null);
  assert.equal(of(undefined), null);
});
