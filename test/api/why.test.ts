/** "Why is it not closed?": one sentence a case, naming what holds and what would release it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyHeld } from '../../src/api/why.ts';
import { SETTINGS } from '../../src/config.ts';
import type { PartitionStatus, Status, TaskHealth } from '../../src/status.ts';
import { healthOf, ledgerOf, START, statusOf } from './fake-reader.ts';

const NOW = START + 5_000;

function partition(name: string, overrides: Partial<PartitionStatus> = {}): PartitionStatus {
  const times = { maxTs: START, watermark: START - 3_000, idle: false };
  return { name, topicId: 'a', position: 100, ...times, ...overrides };
}

function statusWith(partitions: PartitionStatus[], watermark: number | null): Status {
  return { ...statusOf(ledgerOf({ counted: 5 }, 5)), partitions, watermark };
}

function why(
  partitions: PartitionStatus[],
  watermark: number | null,
  health: Partial<TaskHealth> = {},
) {
  const status = statusWith(partitions, watermark);
  return whyHeld(status, healthOf({ live: status, ...health }), NOW);
}

const sights = (...ends: (number | null)[]) => ({
  sights: ends.map((end) => ({ end, quietMs: 400 })),
});
const far = { maxTs: START + 60_000, watermark: START + 57_000 };

test('nothing is held while all partitions go on together', () => {
  const both = [partition('impressions-0'), partition('clicks-0', { watermark: START - 3_500 })];
  assert.deepEqual(why(both, START - 3_500), { why: null, holds: null });
  assert.deepEqual(why(both, START - 3_500, sights(200, 100)), { why: null, holds: null });
});

test('trouble of store or source comes first', () => {
  const both = [partition('impressions-0', far), partition('clicks-0')];
  const reasons = ['the store does not answer'];
  const held = why(both, START, { ready: false, state: 'retrying', reasons });
  assert.deepEqual(held, {
    why: 'the store does not answer; nothing closes until that is over',
    holds: null,
  });
});

test('before the first event, and before the first claim', () => {
  const none = partition('impressions-0', { maxTs: null, watermark: null });
  assert.match(why([none], null).why ?? '', /no event has come yet; the first one/);
  assert.match(whyHeld(null, healthOf({ live: null }), NOW).why ?? '', /not been claimed yet/);
});

test('a partition that is behind is named, with how far, and by no time of a zone', () => {
  const both = [partition('impressions-0', far), partition('clicks-0')];
  const held = why(both, START - 3_000);
  assert.equal(held.holds, 1);
  assert.equal(
    held.why,
    'clicks-0 is 60.0 s of event time behind the furthest partition and holds the watermark ' +
      'back; its next events release it, or 1.0 s without any',
  );
  const backlog = why(both, START - 3_000, sights(100, 350));
  assert.match(backlog.why ?? '', /clicks-0 is 60\.0 s .*; reading its 250 waiting records/);
});

test('an open transaction is named: neither events nor quiet release what waits for it', () => {
  const withOpen = (quietMs: number) => ({
    sights: [
      { end: 100, quietMs: 0 },
      { end: 100, quietMs, uncommitted: 12 },
    ],
  });
  const release = /; 12 records wait for the end of an open transaction; that releases it$/;
  const held = why([partition('impressions-0', far), partition('clicks-0')], START, withOpen(9));
  assert.equal(held.holds, 1);
  assert.match(held.why ?? '', /^clicks-0 is 60\.0 s of event time behind/);
  assert.match(held.why ?? '', release);
  const idle = partition('clicks-0', { idle: true });
  for (const other of [far, { idle: true }]) {
    const held = why([partition('impressions-0', other), idle], START - 3_000, withOpen(5_000));
    assert.equal(held.holds, 1);
    assert.match(held.why ?? '', /^clicks-0 is idle, but time may not go past it; 12 records/);
    assert.match(held.why ?? '', release);
  }
});

test('a partition without an event that is not idle yet holds everything', () => {
  const both = [
    partition('impressions-0'),
    partition('clicks-0', { maxTs: null, watermark: null }),
  ];
  const held = why(both, null);
  assert.equal(held.holds, 1);
  assert.match(held.why ?? '', /^clicks-0 has had no event yet and is not idle; its next events/);
});

test('an idle partition waits for proof that it has nothing to say', () => {
  const both = [partition('impressions-0', far), partition('clicks-0', { idle: true })];
  const held = why(both, START - 3_000);
  assert.equal(held.holds, 1);
  assert.match(held.why ?? '', /^clicks-0 is idle, and time has to wait until a read of it, sent/);
  // Once time has gone past it, nothing is held.
  const past = statusWith(both, far.watermark);
  assert.deepEqual(whyHeld(past, healthOf(), far.maxTs), { why: null, holds: null });
});

test('after a clock that stood ahead, it is told what is too late until the clock is there', () => {
  const hourAhead = START + 3_600_000;
  const ahead = [partition('journal-0', { maxTs: hourAhead, watermark: hourAhead - 3_000 })];
  const idle = [{ ...ahead[0], idle: true }];
  for (const partitions of [ahead, idle])
    assert.deepEqual(why(partitions, NOW + 3_597_000), {
      why:
        "the task's time is 3597.0 s ahead of the clock, which was set back or had stood ahead: " +
        'events are too late until the clock is there',
      holds: null,
    });
  // So far events that are not from the future, and silence after them, may take it.
  const { futureMs, windowMs, allowedLatenessMs } = SETTINGS;
  const furthest = NOW + futureMs + windowMs + allowedLatenessMs;
  assert.deepEqual(why(ahead, furthest), { why: null, holds: null });
});

test('many records to read are told, with how late that makes it', () => {
  const held = why([partition('journal-0')], START - 3_000, sights(50_100));
  assert.equal(held.holds, 0);
  assert.match(held.why ?? '', /^50000 records wait to be read, so the watermark is 8\.0 s behind/);
});

test('in silence time goes on until the newest window is final', () => {
  const idle = [partition('journal-0', { idle: true })];
  const held = why(idle, START - 1_000, sights(100));
  // [START, START + 10 000) is final at 14 999 ms after START.
  assert.equal(
    held.why,
    'no events come for 0.4 s: time goes on by silence, and the newest window is final in 16.0 s',
  );
  assert.equal(held.holds, null);
  assert.deepEqual(why(idle, START + 14_999), { why: null, holds: null });
  const elsewhere = whyHeld(statusWith(idle, START - 1_000), null, NOW);
  assert.match(elsewhere.why ?? '', /^no events come: time goes on by silence/);
});
