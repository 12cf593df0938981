/** What the store in memory holds, and how it forgets. */
import type { Limits } from '../config.ts';
import type { Comeback, Status } from '../status.ts';
import { COMEBACK_ROWS, KEPT_ROW_BYTES } from './bounds.ts';
import { emptyHistory, forget, type MemoryHistory } from './memory-history.ts';
import type { Commit, Fence, RejectedQuery, Row, StoredEvent, Writer } from './store.ts';

export type TaskRow = Fence & {
  number: number;
  /** How many of the last commits are the present owner's, as far as it can send them again. */
  committed: number;
  status: Status | null;
  parts: Map<string, Uint8Array>;
};
export type ProductRow = Row & { task: string };

export type Content = {
  writer: Writer | null;
  tasks: Map<string, TaskRow>;
  products: Map<string, ProductRow>;
  history: MemoryHistory;
  /** Products that left, the one that left first in front. */
  departed: Set<string>;
  windowMs: number | null;
  kept: StoredEvent[];
  keptId: number;
  keptBytes: number;
  pruned: number;
  comebacks: (Comeback & { task: string })[];
  change: number;
};

export function emptyContent(): Content {
  return {
    writer: null,
    tasks: new Map(),
    products: new Map(),
    history: emptyHistory(),
    departed: new Set(),
    windowMs: null,
    kept: [],
    keptId: 0,
    keptBytes: 0,
    pruned: 0,
    comebacks: [],
    change: 0,
  };
}

export function keep(content: Content, commit: Commit): void {
  for (const event of commit.kept) {
    const id = ++content.keptId;
    content.kept.push({ ...event, bytes: new Uint8Array(event.bytes), id, task: commit.task });
    content.keptBytes += event.bytes.length;
  }
  for (const comeback of commit.comebacks)
    content.comebacks.push({ ...comeback, task: commit.task });
}

/** Ends every task, its comebacks too, and takes its products, which keep their history; those. */
export function endTasks(content: Content, limits: Limits): string[] {
  const left = [...content.products.keys()];
  for (const product of left) content.departed.add(product);
  content.products.clear();
  content.tasks.clear();
  content.comebacks = [];
  forgetDeparted(content, limits);
  return left;
}

/** Of the products that left those that left first are forgotten, until the rest is few enough. */
export function forgetDeparted({ departed, history }: Content, limits: Limits): void {
  for (const product of departed) {
    if (departed.size <= limits.historyProducts) break;
    departed.delete(product);
    forget(history, product);
  }
}

/** Oldest first, until what is kept is young and small enough. */
export function prune(content: Content, limits: Limits, nowMs: number): void {
  const oldestMs = nowMs - limits.keptMs;
  let pruned = 0;
  for (const { arrivalMs, bytes } of content.kept) {
    const rowBytes = (content.kept.length - pruned) * KEPT_ROW_BYTES;
    if (arrivalMs >= oldestMs && content.keptBytes + rowBytes <= limits.keptTotalBytes) break;
    content.keptBytes -= bytes.length;
    pruned++;
  }
  if (pruned > 0) content.kept.splice(0, pruned);
  content.pruned += pruned;
  const tooMany = content.comebacks.length - COMEBACK_ROWS;
  if (tooMany > 0) content.comebacks.splice(0, tooMany);
}

/** The newest of `kept` that the query wants, newest first. */
export function keptPage(kept: readonly StoredEvent[], query: RejectedQuery): StoredEvent[] {
  const { reason, fromMs = -Infinity, toMs = Infinity, before = Infinity } = query;
  const page: StoredEvent[] = [];
  let bytes = 0;
  for (let i = kept.length - 1; i >= 0 && page.length < query.limit; i--) {
    const event = kept[i];
    const isWanted = event.id < before && (reason === undefined || event.reason === reason);
    if (!isWanted || event.arrivalMs < fromMs || event.arrivalMs >= toMs) continue;
    page.push({ ...event });
    bytes += event.bytes.length;
    if (bytes >= (query.maxBytes ?? Infinity)) break;
  }
  return page;
}
