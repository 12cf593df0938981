/** What a claim of another kind of program does, the same in every store. */
import assert from 'node:assert/strict';
import { countsOf, keptOf, resultIn, START, windowsOf } from './commits.ts';
import type { Harness } from './harness.ts';
import { type Example, owner } from './owner.ts';

const OK = { answer: 'ok', heldElsewhere: [] };
const FENCED = { answer: 'fenced' };

/** The sink has published x and y; then an engine claims task 0. */
async function takenOver(harness: Harness) {
  await harness.reopen({ writer: 'sink' });
  const sink = await owner(harness, 'sink');
  const part = { name: 'n', bytes: Buffer.from('n') };
  await sink.send({ claims: ['x', 'y'], parts: [part], kept: [keptOf(1, Date.now())] });
  await sink.send({ results: [resultIn('x', 5, 1), resultIn('y', 5, 2)] });
  await harness.reopen({ writer: 'engine', takeOver: true });
  return { sink, engine: await owner(harness, '0') };
}

export function takeOverExamples(example: Example): void {
  example('another kind of writer is refused by name, unless it takes over', async (harness) => {
    const engine = await owner(harness);
    await engine.send();
    await harness.reopen({ writer: 'sink' });
    await assert.rejects(harness.store.claim('b', 't'), {
      code: 'writer_other',
      message: /engine/,
    });
    await harness.reopen({ takeOver: true });
    const sink = await owner(harness, 'b');
    assert.deepEqual(await sink.send(), OK);
    await harness.reopen({ writer: 'engine', takeOver: false });
    // The engine that still ran is fenced on its own task, and told why when it claims again.
    assert.deepEqual(await engine.send(), FENCED);
    await assert.rejects(harness.store.claim('a', 't'), { code: 'writer_other', message: /sink/ });
  });

  example('the tasks of the other kind end with their checkpoints', async (harness) => {
    const { sink, engine } = await takenOver(harness);
    const { store } = harness;
    assert.deepEqual([...(await store.statuses()).keys()], []);
    assert.deepEqual(await store.read('sink'), { number: 0, status: null, parts: [] });
    assert.deepEqual(await engine.send(), OK);
    assert.deepEqual([...(await store.statuses()).keys()], ['0']);
    assert.equal((await store.keptTotals()).events, 1);
    assert.deepEqual(await sink.send(), FENCED);
    assert.deepEqual(await store.commit(sink.build()), FENCED);
  });

  example('its products are granted, with their history and without a row', async (harness) => {
    const { engine } = await takenOver(harness);
    // The new kind may begin before what the former published, and latest never goes back.
    assert.deepEqual((await harness.store.load()).rows, []);
    assert.deepEqual(await engine.send({ claims: ['x'], results: [resultIn('x', 4, 3)] }), OK);
    const other = await owner(harness, '1');
    const results = [resultIn('x', 6, 9), resultIn('y', 6, 9)];
    assert.deepEqual(await other.send({ claims: ['x', 'y'], results }), {
      answer: 'ok',
      heldElsewhere: ['x'],
    });
    await harness.reopen();
    const rows = (await harness.store.load()).rows.sort((a, b) => (a.product < b.product ? -1 : 1));
    assert.deepEqual(rows, [
      { product: 'x', latest: countsOf(4, 3), previous: null },
      { product: 'y', latest: countsOf(6, 9), previous: null },
    ]);
    assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(4, 3), countsOf(5, 1)]);
    assert.deepEqual(await windowsOf(harness.store, 'y'), [countsOf(5, 2), countsOf(6, 9)]);
  });

  example('comebacks end with the tasks whose logs they judge', async (harness) => {
    await harness.reopen({ writer: 'sink' });
    const comebacks = [{ partition: 'p', offset: 3, watermark: START }];
    await (await owner(harness)).send({ comebacks });
    assert.equal((await harness.store.comebacks()).length, 1);
    await harness.reopen({ writer: 'engine', takeOver: true });
    // A task of the same name may read the same log again, without these pauses.
    await owner(harness);
    assert.deepEqual(await harness.store.comebacks(), []);
  });

  example('only the first claim takes over: the others find their own kind', async (harness) => {
    const { engine } = await takenOver(harness);
    await engine.send({ claims: ['x'], results: [resultIn('x', 6, 3)] });
    await owner(harness, '1');
    await harness.reopen();
    const again = await owner(harness, '0');
    assert.deepEqual([again.fence.epoch, again.number], [2, 1]);
    assert.equal((await harness.store.load()).rows.length, 1);
  });

  example('who reads is told that the rows are gone', async (harness) => {
    await takenOver(harness);
    await harness.settled();
    const [published, gone] = harness.changes;
    const { incarnation } = await harness.store.load();
    if (incarnation === published?.incarnation)
      assert.deepEqual(gone?.removals.toSorted(), ['x', 'y']);
  });

  example(
    'of its products too, those are remembered for their history that fit',
    async (harness) => {
      await takenOver(harness);
      const left = await Promise.all(['x', 'y'].map((name) => windowsOf(harness.store, name)));
      assert.equal(left.flat().length, 1);
    },
    { limits: { historyProducts: 1 } },
  );
}
