/**
 * Every error a person can meet, as one table. `docs/errors.md` lists the same codes, held equal
 * by a test. `retry` says whether the same call may succeed later; `status` is the HTTP answer.
 */
export const ERRORS = {
  config_invalid: { status: 400, retry: false, title: 'A setting is wrong' },
  usage: { status: 400, retry: false, title: 'The command line is wrong' },
  bad_request: { status: 400, retry: false, title: 'The request is wrong' },
  nothing_usable: { status: 400, retry: false, title: 'No usable event in the body' },
  unauthorized: { status: 401, retry: false, title: 'A key is needed' },
  forbidden: { status: 403, retry: false, title: 'That is not allowed' },
  not_found: { status: 404, retry: false, title: 'Not found' },
  method_not_allowed: { status: 405, retry: false, title: 'Method not allowed' },
  body_too_large: { status: 413, retry: false, title: 'The body is too large' },
  unsupported_media: { status: 415, retry: false, title: 'The media type is not supported' },
  too_many_requests: { status: 429, retry: true, title: 'Too many requests' },
  journal_full: { status: 429, retry: true, title: 'Too many events wait to be counted' },
  internal: { status: 500, retry: false, title: 'A fault in clickrate' },
  store_unavailable: { status: 503, retry: true, title: 'The store does not answer' },
  store_full: { status: 503, retry: true, title: 'The disk is full' },
  store_foreign: { status: 500, retry: false, title: 'The store holds other data' },
  not_ready: { status: 503, retry: true, title: 'Not ready' },
  stream_full: { status: 503, retry: true, title: 'The stream has too many readers' },
  stopping: { status: 503, retry: true, title: 'Stopping' },
  source_unavailable: { status: 503, retry: true, title: 'The source does not answer' },
  source_gap: { status: 500, retry: false, title: 'Records between checkpoint and log are gone' },
  source_damaged: { status: 500, retry: false, title: 'A batch of records cannot be read' },
  source_foreign: { status: 500, retry: false, title: 'The checkpoint is of another source' },
  topic_renewed: { status: 500, retry: false, title: 'A topic was deleted and made anew' },
  partitions_changed: { status: 500, retry: false, title: 'The topics have other partitions' },
  topic_settings: { status: 500, retry: false, title: 'A topic has other settings than needed' },
  checkpoint_damaged: { status: 500, retry: false, title: 'A checkpoint cannot be read' },
  journal_damaged: { status: 500, retry: false, title: 'The journal cannot be read' },
  checkpoint_settings: { status: 500, retry: false, title: 'The checkpoint has other settings' },
  writer_other: { status: 500, retry: false, title: 'Another kind of program writes this store' },
  task_lost: { status: 500, retry: false, title: 'Another process owns the task' },
  directory_locked: { status: 500, retry: false, title: 'The data directory is in use' },
  port_in_use: { status: 500, retry: false, title: 'The port is in use' },
  flink_unavailable: { status: 503, retry: true, title: 'Flink does not answer' },
  flink_failed: { status: 500, retry: false, title: 'Flink refused' },
  flink_running: { status: 500, retry: false, title: 'The job runs already' },
  flink_cannot_resume: { status: 500, retry: false, title: 'The job cannot be resumed' },
  file_unreadable: { status: 500, retry: false, title: 'A file cannot be read' },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a code of the table and one sentence that says what is wrong and what to do. */
export class ClickrateError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClickrateError';
    this.code = code;
  }
  get retry(): boolean {
    return ERRORS[this.code].retry;
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** The sentence of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the log has beside the sentence: one of ours says all, of others it matters whence. */
export function traceOf(error: unknown): { err?: unknown } {
  return error instanceof ClickrateError ? {} : { err: error };
}

/** Why a file cannot be read, as an error of the table. */
export function unreadable(file: string, error: unknown): ClickrateError {
  const sentence = `cannot read ${file}: ${messageOf(error)}`;
  return new ClickrateError('file_unreadable', sentence, { cause: error });
}

/** Whether the same call may succeed later: unknown errors may not. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ClickrateError && error.retry;
}

/** Whether it is an error with one of these codes. */
export function isOf(error: unknown, ...codes: ErrorCode[]): boolean {
  return error instanceof ClickrateError && codes.includes(error.code);
}
