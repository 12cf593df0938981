/**
 * The oracle: what the counts must be, worked out the slow and plain way from the written rules.
 * It shares no line with the program. It reads the logs of one task's topic partitions and the
 * list of comebacks, and says the verdict of every event and all that follows from the verdicts.
 *
 * It does not know `too_many_products` and dropped ids: streams for it stay below both limits.
 */

export type LogRecord = { offset: number; arrivalMs: number; bytes: Uint8Array };
export type Log = { partition: string; records: readonly LogRecord[] };

/** Right before the event at `offset` is judged, its partition's watermark becomes `watermark`. */
export type ComebackEntry = { partition: string; offset: number; watermark: number };

export type Numbers = {
  windowMs: number;
  watermarkDelayMs: number;
  allowedLatenessMs: number;
  futureMs: number;
  idMemoryMs: number;
  maxEventBytes: number;
  maxProductIdBytes: number;
  /** Windows that start at or before it are counted, never published. */
  publishFloor: number | null;
};

export type Cell = { start: number; impressions: number; clicks: number };
export type Row = { latest: Cell; previous: Cell | null };
export type Judged = { offset: number; verdict: string; ts: number | null };

export type Answer = {
  /** Every event of each partition with its verdict, in the order of the log. */
  judged: Map<string, Judged[]>;
  /** Counted events by product, then by window start. */
  cells: Map<string, Map<number, Cell>>;
  /** Published products with their two newest windows. */
  rows: Map<string, Row>;
  received: number;
  /** How many events got each verdict; verdicts nobody got are absent. */
  totals: Map<string, number>;
  /** Watermark of each topic partition; null without an event that is not rejected. */
  watermarks: Map<string, number | null>;
  /** Largest time of an event that is not rejected, by topic partition. */
  maxTs: Map<string, number | null>;
  /** What is wrong with the list of comebacks itself. */
  complaints: string[];
};

export type Event = {
  product: string;
  ts: number;
  kind: 'impression' | 'click';
  id: string | null;
};

/** Records judged in a step of `oracleSteps`. */
const STEP = 4_096;

export function oracle(...of: Parameters<typeof oracleSteps>): Answer {
  const steps = oracleSteps(...of);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same; between its steps the caller may do something else. */
export function* oracleSteps(
  logs: readonly Log[],
  comebacks: readonly ComebackEntry[],
  numbers: Numbers,
): Generator<void, Answer> {
  const answer: Answer = {
    judged: new Map(),
    cells: new Map(),
    rows: new Map(),
    received: 0,
    totals: new Map(),
    watermarks: new Map(),
    maxTs: new Map(),
    complaints: [],
  };
  for (const log of logs) yield* judgeLog(log, comebacks, numbers, answer);
  for (const [product, cells] of answer.cells) {
    const row = newestTwo([...cells.values()], numbers.publishFloor);
    if (row !== null) answer.rows.set(product, row);
  }
  return answer;
}

/** Walks one log from its first record to its last. */
function* judgeLog(
  log: Log,
  comebacks: readonly ComebackEntry[],
  numbers: Numbers,
  answer: Answer,
): Generator<void, void> {
  const jumps = new Map<number, number>();
  for (const entry of comebacks)
    if (entry.partition === log.partition) jumps.set(entry.offset, entry.watermark);
  const { complaints, cells } = answer;
  const walk = new LogWalk(log.partition, numbers, cells, complaints);
  const judged: Judged[] = [];
  for (const record of log.records) {
    judged.push(walk.next(record.offset, decode(record, numbers), jumps));
    if (judged.length % STEP === 0) yield;
  }
  for (const offset of jumps.keys())
    complaints.push(`comeback at ${log.partition} ${offset}, where no event is judged`);
  answer.judged.set(log.partition, judged);
  answer.received += judged.length;
  for (const { verdict } of judged)
    answer.totals.set(verdict, (answer.totals.get(verdict) ?? 0) + 1);
  answer.watermarks.set(log.partition, finite(walk.watermark));
  answer.maxTs.set(log.partition, finite(walk.maxTs));
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}

/** One topic partition, record by record: its watermark, its ids, what it adds to the counts. */
export class LogWalk {
  readonly #partition: string;
  readonly #numbers: Numbers;
  readonly #cells: Map<string, Map<number, Cell>>;
  readonly #complaints: string[];
  /** Window end of the first counted event of each id. */
  readonly #remembered = new Map<string, number>();
  watermark = Number.NEGATIVE_INFINITY;
  maxTs = Number.NEGATIVE_INFINITY;

  constructor(
    partition: string,
    numbers: Numbers,
    cells: Map<string, Map<number, Cell>>,
    complaints: string[],
  ) {
    this.#partition = partition;
    this.#numbers = numbers;
    this.#cells = cells;
    this.#complaints = complaints;
  }

  /** Judges what the record at `offset` carries; the comeback before it is taken out of `jumps`. */
  next(offset: number, event: Event | string, jumps: Map<number, number>): Judged {
    if (typeof event === 'string') return { offset, verdict: event, ts: null };
    const jump = jumps.get(offset);
    if (jump !== undefined) {
      if (jump <= this.watermark)
        this.#complaints.push(`comeback at ${this.#partition} ${offset} raises nothing`);
      this.watermark = jump;
      jumps.delete(offset);
    }
    const verdict = judge(event, this.watermark, this.#remembered, this.#numbers);
    if (verdict === 'counted') count(event, this.#numbers.windowMs, this.#cells);
    this.maxTs = Math.max(this.maxTs, event.ts);
    this.watermark = Math.max(this.watermark, event.ts - this.#numbers.watermarkDelayMs);
    return { offset, verdict, ts: event.ts };
  }
}

/** Verdict of an event that is not rejected, with its partition's watermark before it. */
function judge(
  event: Event,
  watermark: number,
  remembered: Map<string, number>,
  numbers: Numbers,
): string {
  const end = startOf(event.ts, numbers.windowMs) + numbers.windowMs;
  if (end - 1 + numbers.allowedLatenessMs <= watermark) return 'too_late';
  if (event.id === null) return 'counted';
  const key = JSON.stringify([event.product, event.kind, event.id]);
  const firstEnd = remembered.get(key);
  if (firstEnd !== undefined && watermark < firstEnd + numbers.idMemoryMs) return 'duplicate';
  remembered.set(key, end);
  return 'counted';
}

/** The half-open window `[start, start + windowMs)` that holds `ts`. */
export function startOf(ts: number, windowMs: number): number {
  const size = BigInt(windowMs);
  const rest = ((BigInt(ts) % size) + size) % size;
  return Number(BigInt(ts) - rest);
}

function count(event: Event, windowMs: number, cells: Map<string, Map<number, Cell>>): void {
  const start = startOf(event.ts, windowMs);
  const windows = cells.get(event.product) ?? new Map<number, Cell>();
  cells.set(event.product, windows);
  const cell = windows.get(start) ?? { start, impressions: 0, clicks: 0 };
  windows.set(start, cell);
  if (event.kind === 'impression') cell.impressions += 1;
  else cell.clicks += 1;
}

function newestTwo(cells: readonly Cell[], floor: number | null): Row | null {
  const published = cells
    .filter((cell) => floor === null || cell.start > floor)
    .sort((a, b) => b.start - a.start);
  const latest = published[0];
  return latest === undefined ? null : { latest, previous: published[1] ?? null };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The event a record carries, or why it carries none. */
export function decode(record: LogRecord, numbers: Numbers): Event | string {
  if (record.bytes.length > numbers.maxEventBytes) return 'too_large';
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(record.bytes));
  } catch {
    return 'not_json';
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return 'not_object';
  const fields = new Map<string, unknown>(Object.entries(parsed));

  if (!fields.has('product_id')) return 'missing_product_id';
  const product = productOf(fields.get('product_id'), numbers.maxProductIdBytes);
  if (product === null) return 'bad_product_id';

  if (!fields.has('timestamp')) return 'missing_timestamp';
  const ts = fields.get('timestamp');
  if (typeof ts !== 'number' || !Number.isInteger(ts)) return 'bad_timestamp';
  if (isOtherUnit(ts)) return 'timestamp_unit';
  // The difference of two times must be exact too.
  if (Math.abs(ts) > 2 ** 52) return 'bad_timestamp';

  const kind = fields.get('event_type');
  if (kind !== 'impression' && kind !== 'click') return 'bad_event_type';
  if (ts > record.arrivalMs + numbers.futureMs) return 'future_timestamp';
  const id = fields.get('event_id');
  return { product, ts: ts === 0 ? 0 : ts, kind, id: typeof id === 'string' ? id : null };
}

function productOf(value: unknown, maxBytes: number): string | null {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  // Half of a surrogate pair has no UTF-8, so such a text has no bytes to count.
  if (typeof text !== 'string' || !text.isWellFormed()) return null;
  const bytes = new TextEncoder().encode(text).length;
  return bytes >= 1 && bytes <= maxBytes ? text : null;
}

/** Positive whole numbers of 10, 16 or 19 digits can only be seconds, micro- or nanoseconds. */
function isOtherUnit(ts: number): boolean {
  const digits = ts > 0 ? BigInt(ts).toString().length : 0;
  return digits === 10 || digits === 16 || digits === 19;
}
