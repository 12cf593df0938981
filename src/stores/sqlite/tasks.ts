/** Who may write; a task's fence, write number, status and checkpoint parts. */
import type { DatabaseSync } from 'node:sqlite';
import { openStatus, rowSum } from '../../seal.ts';
import { getMeta, setMeta } from '../../sqlite.ts';
import type { Status } from '../../status.ts';
import {
  COMMITS_IN_FLIGHT,
  type Commit,
  type Fence,
  type TaskState,
  type Writer,
} from '../store.ts';
import { takesOver } from '../writer.ts';

type TaskRow = Fence & { number: number; committed: number; status: string | null };

function statements(db: DatabaseSync) {
  return {
    claim: db.prepare(
      'INSERT INTO tasks VALUES (?1, 1, ?2, 0, 0, NULL, 0, row_sum(?1, 0, NULL, 0)) ' +
        'ON CONFLICT (task) DO UPDATE ' +
        'SET epoch = epoch + 1, token = excluded.token, committed = 0 RETURNING epoch',
    ),
    get: db.prepare('SELECT epoch, token, number, committed, status FROM tasks WHERE task = ?'),
    fence: db.prepare('SELECT epoch, token, number, committed FROM tasks WHERE task = ?'),
    write: db.prepare(
      `UPDATE tasks SET number = ?1, committed = min(committed + 1, ${COMMITS_IN_FLIGHT}), ` +
        'status = ?2, parts = ?4, ' +
        'crc = row_sum(?3, ?1, ?2, ?4) WHERE task = ?3',
    ),
    countParts: db.prepare('SELECT count(*) AS count FROM parts WHERE task = ?'),
    names: db.prepare('SELECT task FROM tasks WHERE status IS NOT NULL ORDER BY task'),
    statuses: db.prepare('SELECT task, status FROM tasks WHERE status IS NOT NULL'),
    parts: db.prepare('SELECT name, bytes FROM parts WHERE task = ? ORDER BY name'),
    putPart: db.prepare(
      'INSERT INTO parts VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (task, name) DO UPDATE SET bytes = excluded.bytes, crc = excluded.crc',
    ),
    removePart: db.prepare('DELETE FROM parts WHERE task = ? AND name = ?'),
    end: db.prepare('DELETE FROM tasks'),
    endParts: db.prepare('DELETE FROM parts'),
  };
}

export class Tasks {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #writer: Writer;
  readonly #mayTakeOver: boolean;

  /** For sentences about damage. */
  readonly #file: string;

  constructor(db: DatabaseSync, writer: Writer, mayTakeOver: boolean) {
    this.#db = db;
    this.#writer = writer;
    this.#mayTakeOver = mayTakeOver;
    this.#file = db.location() ?? 'the database';
    this.#sql = statements(db);
  }

  claim(task: string, token: string): Fence {
    const { epoch } = this.#sql.claim.get(task, token) as { epoch: number };
    return { epoch, token };
  }

  /** Ends the tasks of another kind of program; whether it was one. Throws `writer_other`. */
  takeOver(): boolean {
    const found = getMeta(this.#db, 'writer');
    const isOther = takesOver(found, this.#writer, this.#mayTakeOver);
    if (isOther) {
      this.#sql.end.run();
      this.#sql.endParts.run();
    }
    if (found !== this.#writer) setMeta(this.#db, 'writer', this.#writer);
    return isOther;
  }

  /** What the fence says of a commit. */
  judge(commit: Commit): 'next' | 'duplicate' | 'fenced' {
    const row = this.#sql.fence.get(commit.task) as TaskRow | undefined;
    if (getMeta(this.#db, 'writer') !== this.#writer) return 'fenced';
    if (row?.epoch !== commit.epoch || row.token !== commit.token) return 'fenced';
    // The number was kept over the claim: those of the owner before are nobody's.
    const behind = row.number - commit.number;
    if (behind >= 0 && behind < row.committed) return 'duplicate';
    return behind === -1 ? 'next' : 'fenced';
  }

  write({ task, number, status, parts, removedParts }: Commit): void {
    for (const { name, bytes } of parts)
      this.#sql.putPart.run(task, name, bytes, rowSum(task, name, bytes));
    for (const name of removedParts) this.#sql.removePart.run(task, name);
    const { count } = this.#sql.countParts.get(task) as { count: number };
    this.#sql.write.run(number, JSON.stringify(status), task, count);
  }

  read(task: string): TaskState {
    const row = this.#sql.get.get(task) as TaskRow | undefined;
    if (row === undefined) return { number: 0, status: null, parts: [] };
    const status = row.status === null ? null : this.#open(task, row.status);
    const parts = this.#sql.parts.all(task) as { name: string; bytes: Uint8Array }[];
    return { number: row.number, status, parts: parts.map((part) => ({ ...part })) };
  }

  /** Those that have committed, whatever their status says. */
  names(): string[] {
    return this.#sql.names.all().map(({ task }) => String(task));
  }

  statuses(): Map<string, Status> {
    const rows = this.#sql.statuses.all() as { task: string; status: string }[];
    return new Map(rows.map(({ task, status }) => [task, this.#open(task, status)]));
  }

  #open(task: string, status: string): Status {
    return openStatus(this.#file, task, status);
  }
}
