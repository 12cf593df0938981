/** What the records of the job's topics say. Null: the record is none of these. */
import { REASONS, type Reason } from '../event.ts';
import { parseFlinkTime } from '../flink/iso-time.ts';
import type { WindowResult } from './table.ts';

const utf8 = new TextDecoder();

/** A result, and how long its window is. */
export type ResultRecord = Omit<WindowResult, 'from' | 'toldS'> & { windowMs: number };

export function readResult(value: Uint8Array): ResultRecord | null {
  const found = objectOf(value);
  const { product_id: product, impressions, clicks } = found;
  const start = parseFlinkTime(found.window_start);
  const end = parseFlinkTime(found.window_end);
  if (typeof product !== 'string' || !isCount(impressions) || !isCount(clicks)) return null;
  if (Number.isNaN(start) || Number.isNaN(end)) return null;
  return { product, start, impressions, clicks, windowMs: end - start };
}

/** Where a subtask of the job stood when it read a heartbeat; the watermark is null before one. */
export type ProgressRecord = { partition: number; watermark: number | null };

export function readProgress(value: Uint8Array): ProgressRecord | null {
  const { partition, watermark } = objectOf(value);
  if (!isCount(partition)) return null;
  const ms = watermark === null ? null : parseFlinkTime(watermark);
  return Number.isNaN(ms) ? null : { partition, watermark: ms };
}

/** Why an event was not counted, and where it lies. */
export type RejectedRecord = { reason: Reason; origin: string; offset: number };

export function readRejected(headers: Readonly<Record<string, string>>): RejectedRecord | null {
  const reason = REASONS.find((one) => one === headers.reason);
  const offset = Number(headers.offset);
  if (reason === undefined || headers.topic === undefined || !isCount(offset)) return null;
  return { reason, origin: `${headers.topic}-${headers.partition}`, offset };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function objectOf(value: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(utf8.decode(value));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
