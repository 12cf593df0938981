import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SETTINGS } from '../../src/config.ts';
import { type PartitionTime, type Sights, taskWatermark } from '../../src/engine/watermark.ts';

const at = (watermark: number, idle = false, maxTs = watermark + 3_000): PartitionTime => ({
  maxTs,
  watermark,
  idle,
});
const sights = (passed: boolean[], silenceMs = 0): Sights => ({
  partitions: passed.map((p) => ({ idle: false, passed: p })),
  silenceMs,
});
const none: PartitionTime = { maxTs: -Infinity, watermark: -Infinity, idle: false };

test('the task follows its slowest partition', () => {
  assert.equal(
    taskWatermark(-Infinity, [at(5_000), at(9_000)], sights([false, false]), SETTINGS),
    5_000,
  );
});

test('a partition without any event holds the task until it is idle', () => {
  const held = taskWatermark(-Infinity, [at(5_000), none], sights([false, true]), SETTINGS);
  assert.equal(held, -Infinity);
  const idle = { ...none, idle: true };
  assert.equal(taskWatermark(-Infinity, [at(5_000), idle], sights([false, true]), SETTINGS), 5_000);
});

test('the task moves past an idle partition only with proof', () => {
  const times = [at(9_000), at(5_000, true)];
  assert.equal(taskWatermark(4_000, times, sights([false, false]), SETTINGS), 4_000);
  assert.equal(taskWatermark(4_000, times, sights([false, true]), SETTINGS), 9_000);
});

test('the task never goes back', () => {
  assert.equal(taskWatermark(9_000, [at(5_000)], sights([false]), SETTINGS), 9_000);
});

test('silence moves time on from the largest event, and stops when its window is closed', () => {
  const times = [at(1_000, true, 4_000), at(2_000, true, 5_000)];
  const after = (ms: number) => taskWatermark(0, times, sights([true, true], ms), SETTINGS);
  assert.equal(after(0), 2_000);
  assert.equal(after(6_000.7), 8_000);
  assert.equal(after(1e9), 10_000 - 1 + 5_000);
});

test('silence needs proof of every partition', () => {
  const times = [at(1_000, true, 4_000), at(2_000, true, 5_000)];
  assert.equal(taskWatermark(0, times, sights([true, false], 9_000), SETTINGS), 0);
});

test('silence without any event gives no watermark', () => {
  const idle = { ...none, idle: true };
  assert.equal(taskWatermark(-Infinity, [idle], sights([true], 9_000), SETTINGS), -Infinity);
});
