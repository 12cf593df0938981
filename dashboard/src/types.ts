/** The shapes the API answers with; times are epoch milliseconds. */

export type Live = {
  product_id: string;
  ctr: number | null;
  impressions: number;
  clicks: number;
  window_start: number;
  window_end: number;
  ctr_low: number | null;
  ctr_high: number | null;
  few: boolean;
  status: 'provisional' | 'final';
  clicks_exceed_impressions?: boolean;
  revisions?: number;
};

export type Row = {
  product_id: string;
  latest: Live | null;
  previous: Live | null;
  p_value: number | null;
};

export type Freshness = {
  window_start: number | null;
  window_end: number | null;
  watermark: number | null;
  final_before: number | null;
  published_at: number | null;
  age_ms: number | null;
  ready: boolean;
  why: string | null;
};

export type Snapshot = {
  incarnation: string;
  number: number;
  window_ms: number;
  rows: Row[];
  freshness: Freshness;
};

export type Change = { number: number; rows: Row[]; removed: string[]; freshness: Freshness };

export type OpenWindow = {
  window_start: number;
  window_end: number;
  impressions: number;
  clicks: number;
};

export type OpenProduct = Omit<OpenWindow, 'window_end'> & { product_id: string };

export type Open = {
  at: number;
  available: boolean;
  why?: string;
  windows: OpenWindow[];
  products: OpenProduct[];
};

export type Counted = {
  received: number;
  verdicts: Record<string, number>;
  missed: number;
  balanced: boolean;
};

export type PartitionTime = {
  name: string;
  position: number;
  end: number | null;
  lag: number | null;
  max_ts: number | null;
  watermark: number | null;
  idle: boolean;
  idle_since: number | null;
  holds: boolean;
};

export type TaskTime = {
  task: string;
  watermark: number | null;
  final_before: number | null;
  lag_ms: number | null;
  commit_age_ms: number | null;
  owner: string | null;
  ready: boolean;
  reasons: string[];
  why: string | null;
  partitions: PartitionTime[];
};

export type PipelineStatus = {
  freshness: Freshness;
  ledger: Counted;
  events_per_second: number;
  tasks: TaskTime[];
};

export type RejectedEvent = {
  id: number;
  task: string;
  partition: string;
  offset: number;
  reason: string;
  message: string;
  arrival: number;
  bytes: string;
  text?: string;
};

export type RejectedPage = {
  rejected: RejectedEvent[];
  next: number | null;
  totals?: Record<string, unknown>;
};

/** Sums of the products that were asked for, which are not named in it. */
export type History = { windows: Omit<Live, 'product_id'>[]; step?: string };

/** What is kept of history: the zone of its days is the server's. */
export type Kept = { levels: { tz: string | null }[] };
