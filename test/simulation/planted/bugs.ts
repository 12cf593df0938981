/**
 * Bugs that a test plants, one at a time, to see that they are caught: in a file of `src/`, which
 * text becomes which while it is loaded, and the suite that must then fail. Nothing of this is in
 * `src/` itself.
 */

export type Bug = {
  name: string;
  /** Below `src/`. */
  file: string;
  find: string;
  replace: string;
  /** The first seed that is tried: for bugs that show in one of hundreds. */
  from?: number;
  /** The simulation, or a test file with the names of those of its tests that are run. */
  caughtBy: 'simulation' | { file: string; tests: string };
};

const JOURNAL = { file: 'test/sources/journal.test.ts', tests: 'acknowledged rows go whole' };
const SQLITE = { file: 'test/stores/sqlite.test.ts', tests: 'sqlite: fence' };
const REDIS = { file: 'test/stores/redis.test.ts', tests: 'redis: fence' };

const FENCE = 'row?.epoch === commit.epoch && row.token === commit.token';

/** The rules of the fence, each switched off; the owner's side of them. */
const FENCE_BUGS: Bug[] = [
  {
    name: 'the fence does not look at the token',
    file: 'stores/memory.ts',
    find: FENCE,
    replace: 'row?.epoch === commit.epoch',
    from: 300,
    caughtBy: 'simulation',
  },
  {
    name: 'the fence does not look at the epoch',
    file: 'stores/memory.ts',
    find: FENCE,
    replace: 'row?.token === commit.token',
    caughtBy: 'simulation',
  },
  {
    name: 'there is no fence at all',
    file: 'stores/memory.ts',
    find: FENCE,
    replace: 'row !== undefined',
    caughtBy: 'simulation',
  },
  {
    name: 'any write number is taken, not only last + 1',
    file: 'stores/memory.ts',
    find: 'if (behind !== -1)',
    replace: 'if (commit.number <= 0)',
    caughtBy: 'simulation',
  },
  {
    name: 'a commit sent again is taken again',
    file: 'stores/memory.ts',
    find: '    if (behind >= 0 && behind < row.committed)',
    replace:
      '    if (behind >= 0 && behind < row.committed) return this.commit({ ...commit, number: row.number + 1 });\n' +
      '    if (false)',
    caughtBy: 'simulation',
  },
  {
    name: 'a commit is not frozen: sent again it says what is true by then',
    file: 'pipeline/committer.ts',
    find: '() => this.#parts.store.commit(commit))',
    replace:
      '() => this.#parts.store.commit({ ...commit, status: this.#session.task.status(this.#session.positions) }))',
    caughtBy: 'simulation',
  },
  {
    name: 'a claim is sent again with its old token',
    file: 'pipeline/session.ts',
    find: "const fence = await withRetry('the claim', retry, () => store.claim(task, newToken()));",
    replace:
      "const token = newToken();\n  const fence = await withRetry('the claim', retry, () => store.claim(task, token));",
    caughtBy: 'simulation',
  },
  {
    name: 'Redis: a fence behind a commit that failed is believed',
    file: 'stores/redis/commits.ts',
    find: '  const [first, answer] = await Promise.allSettled([before, own]);',
    replace:
      '  if (own !== null) return own;\n' +
      '  const [first, answer] = await Promise.allSettled([before, own]);',
    caughtBy: REDIS,
  },
  {
    name: 'Redis: only the last commit may be sent again',
    file: 'stores/redis/commit-script.ts',
    find: 'behind >= 0 and behind < tonumber(row[4])',
    replace: "behind == 0 and row[4] ~= '0'",
    caughtBy: REDIS,
  },
  {
    name: 'Redis: rows of a commit that is refused are written all the same',
    file: 'stores/redis/transaction.ts',
    find: 'if not taken then',
    replace: 'if not done then',
    caughtBy: REDIS,
  },
  {
    name: 'Redis: the rows of a commit that is taken go aside, too',
    file: 'stores/redis/commit-script.ts',
    find: 'taken = true\n',
    replace: '',
    caughtBy: REDIS,
  },
  {
    name: 'Redis: what was put aside is not put back',
    file: 'stores/redis/transaction.ts',
    find: "== 1 then redis.call('RENAME', key .. ':aside', key)",
    replace: "== 2 then redis.call('RENAME', key .. ':aside', key)",
    caughtBy: REDIS,
  },
  {
    name: 'SQLite: commits of the former owner may be sent again',
    file: 'stores/sqlite/tasks.ts',
    find: 'behind < row.committed',
    replace: 'behind < 2',
    caughtBy: SQLITE,
  },
  {
    name: 'the fence of Redis does not look at the token (Lua)',
    file: 'stores/redis/commit-script.ts',
    find: 'row[1] ~= ARGV[2] or row[2] ~= ARGV[3]',
    replace: 'row[1] ~= ARGV[2]',
    caughtBy: REDIS,
  },
  {
    name: 'a new claim of SQLite leaves the old token (SQL)',
    file: 'stores/sqlite/tasks.ts',
    find: 'token = excluded.token',
    replace: 'token = token',
    caughtBy: SQLITE,
  },
];

/** The order of a commit, what the checkpoint holds, and what is left behind. */
const COMMIT_BUGS: Bug[] = [
  {
    name: 'offsets are acknowledged before the state is committed',
    file: 'pipeline/committer.ts',
    find: 'const beganMs = clock.monotonicMs();',
    replace: 'await source.acknowledge(positions);\n    const beganMs = clock.monotonicMs();',
    caughtBy: 'simulation',
  },
  {
    name: 'the offset committed is ahead of the state',
    file: 'pipeline.ts',
    find: 'isWhole ? held.next : held.records.offsets[held.from]',
    replace: 'held.next',
    caughtBy: 'simulation',
  },
  {
    name: 'the checkpoint lacks the event ids',
    file: 'engine/task.ts',
    find: '[...blocks.parts, ...ids.parts]',
    replace: '[...blocks.parts]',
    caughtBy: 'simulation',
  },
  {
    name: 'an event that was not counted is not kept',
    file: 'engine/task.ts',
    find: 'kept: core.takeKept(),',
    replace: 'kept: core.takeKept().slice(1),',
    caughtBy: 'simulation',
  },
  {
    name: 'a product leaves in the commit that publishes its last window',
    file: 'engine/task.ts',
    find: '    const results = publish(core, names, limit);\n    free(core);',
    replace:
      '    const results = publish(core, names, limit);\n    free(core);\n' +
      '    const again = expire(core, limit);\n    expired.push(...again.expired);\n' +
      '    owned.push(...again.owned);',
    caughtBy: 'simulation',
  },
  {
    name: 'the journal is pruned to what was read, not to what was committed',
    file: 'sources/journal.ts',
    find: 'this.#table.prune(this.#acknowledged)',
    replace: 'this.#table.prune(this.#position)',
    caughtBy: JOURNAL,
  },
  {
    name: 'a closed reader leaves its connection open',
    file: 'sources/kafka/lane.ts',
    find: '    this.#isClosed = true;\n    this.#connection?.close();',
    replace: '    this.#isClosed = true;',
    caughtBy: 'simulation',
  },
  {
    name: 'an answer of a throttled broker is taken for the end of the log',
    file: 'sources/kafka/lane.ts',
    find: 'if (head.throttledMs !== null) {',
    replace: 'if (head.throttledMs === -1) {',
    caughtBy: 'simulation',
  },
  {
    name: 'a kept event is not copied out of what the source reads into again',
    file: 'engine/core.ts',
    find: 'copyOf(records.bytes, start, last)',
    replace: 'records.bytes.subarray(start, last)',
    caughtBy: 'simulation',
  },
  {
    name: 'the buffer of an answer is given back before its records are read',
    file: 'sources/kafka/lane.ts',
    find: '      this.#lent = answer.buffer;',
    replace: '      this.#giveBack(answer.buffer);',
    caughtBy: 'simulation',
  },
  {
    name: 'the short walk takes the shift off a place twice',
    file: 'sources/kafka/usual-records.ts',
    find: 'put(columns.ends, place())',
    replace: 'put(columns.ends, [place(), get(SHIFT), op.subtract])',
    caughtBy: { file: 'test/sources/kafka-batches.test.ts', tests: 'records of none batches' },
  },
  {
    name: 'a fence is logged as an error',
    file: 'pipeline.ts',
    find: 'log.warn({ task }, `fenced at',
    replace: 'log.error({ task }, `fenced at',
    caughtBy: 'simulation',
  },
];

/** What is counted, published, and when time goes on. */
const COUNT_BUGS: Bug[] = [
  {
    name: 'an event is too late a millisecond too early (< for <=)',
    file: 'engine/verdict.ts',
    find: 'end + lateAfterEnd <= watermark',
    replace: 'end + lateAfterEnd < watermark',
    caughtBy: 'simulation',
  },
  {
    name: 'a duplicate is forgotten too early',
    file: 'engine/duplicates.ts',
    find: 'const life = bucket.end + this.#settings.idMemoryMs;',
    replace: 'const life = bucket.end + this.#settings.idMemoryMs / 2;',
    caughtBy: 'simulation',
  },
  {
    name: 'a revision shrinks',
    file: 'engine/collect.ts',
    find: 'const impressions = cells.counts[2 * slot];',
    replace:
      'const impressions = Math.max(0, cells.counts[2 * slot] - (block.holds(slot, window.start) ? 2 : 0));',
    caughtBy: 'simulation',
  },
  {
    name: 'previous copies latest',
    file: 'engine/published.ts',
    find: '      this.previousStart[slot] = latest;',
    replace: '      this.previousStart[slot] = start;',
    caughtBy: 'simulation',
  },
  {
    name: 'latest goes back to an older window',
    file: 'engine/published.ts',
    find: 'else if (Number.isNaN(latest) || start > latest) {',
    replace: 'else if (start > -Infinity) {',
    caughtBy: 'simulation',
  },
  {
    name: 'a comeback is not written down',
    file: 'engine/core.ts',
    find: 'this.comebacks.push({ partition: this.names[p], offset, watermark: this.watermark });',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    name: 'the short way counts an idle partition that speaks as if it had not been idle',
    file: 'engine/usual.ts',
    find: ' || idle',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    name: 'the short way forgets that a window is due',
    file: 'engine/usual.ts',
    find: 'end - 1 > core.watermark && ',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    name: 'the short way asks of ids that are forgotten at an event before',
    file: 'engine/usual.ts',
    find: 'Math.min(end, forgetTs)',
    replace: 'end',
    caughtBy: { file: 'test/engine/usual.test.ts', tests: 'ids are forgotten' },
  },
  {
    name: 'time passes an idle partition without proof that nothing lies there',
    file: 'engine/watermark.ts',
    find: 'else if (!sights.partitions[p].passed) return current;',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    name: 'a partition is idle while it only lags',
    file: 'pipeline/idleness.ts',
    find: 'idle: isBack && emptySentAtMs - goodAtMs >= this.#idleAfterMs,',
    replace:
      'idle: Math.max(...this.#goodAtMs, ...this.#emptySentAtMs) - goodAtMs >= this.#idleAfterMs,',
    caughtBy: 'simulation',
  },
  {
    name: 'silence has no cap',
    file: 'engine/watermark.ts',
    find: '    newestEnd - 1 + settings.allowedLatenessMs,',
    replace: '    newestEnd - 1 + settings.allowedLatenessMs + 5_000,',
    caughtBy: 'simulation',
  },
  {
    name: 'the publish floor is ignored',
    file: 'engine/collect.ts',
    find: 'const isNeverPublished = window.start <= core.publishFloor ||',
    replace: 'const isNeverPublished =',
    caughtBy: 'simulation',
  },
  {
    name: 'no floor is raised where records are gone',
    file: 'pipeline/session.ts',
    find: 'if (at.floorMs !== null) session.task.raiseFloor(at.floorMs);',
    replace: '',
    caughtBy: 'simulation',
  },
];

export const BUGS: readonly Bug[] = [...FENCE_BUGS, ...COMMIT_BUGS, ...COUNT_BUGS];
