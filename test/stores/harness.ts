/** A store under test, with what a test may do to it from outside: roll back, open again. */
import { rmSync, writeFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../src/clock.ts';
import { LIMITS, type Limits } from '../../src/config.ts';
import { openDatabase } from '../../src/sqlite.ts';
import type { Comeback } from '../../src/status.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import type { Change, Store, Writer } from '../../src/stores/store.ts';
import { ZONE } from './zone.ts';

export type TestedStore = Store & { comebacks(): Promise<(Comeback & { task: string })[]> };

export type HarnessOptions = {
  limits?: Partial<Limits>;
  clock: Clock;
  writer?: Writer;
  takeOver?: boolean;
  timeZone?: string;
};

export abstract class Harness {
  readonly options: HarnessOptions;
  /** What a follower was told, in order, also across reopening. */
  readonly changes: Change[] = [];
  store!: TestedStore;

  constructor(options: HarnessOptions) {
    this.options = options;
  }

  protected use(store: TestedStore): void {
    this.store = store;
    store.follow((change) => this.changes.push(structuredClone(change)));
  }

  protected get storeOptions() {
    return { timeZone: ZONE, ...this.options, limits: { ...LIMITS, ...this.options.limits } };
  }

  abstract snapshot(): unknown;
  /** The store is as it was; what ran on it goes on. */
  abstract rollback(snapshot: unknown): void | Promise<void>;
  /** As after a restart of the process, perhaps as another program. */
  abstract reopen(changed?: Partial<HarnessOptions>): void | Promise<void>;
  abstract close(): void | Promise<void>;

  /** Resolves when followers were told all changes so far. */
  async settled(): Promise<void> {}

  /** Resolves when what the commits so far gave to fold is folded. */
  async folded(): Promise<void> {}
}

export type HarnessFactory = (options: HarnessOptions) => Harness;

export class MemoryHarness extends Harness {
  declare store: MemoryStore;

  constructor(options: HarnessOptions) {
    super(options);
    this.use(new MemoryStore({ ...this.storeOptions, incarnation: 'one' }));
  }

  snapshot() {
    return this.store.snapshot();
  }

  rollback(snapshot: unknown): void {
    this.store.rollback(snapshot as ReturnType<MemoryStore['snapshot']>);
  }

  reopen(changed: Partial<HarnessOptions> = {}): void {
    const content = this.store.snapshot();
    void this.store.close();
    Object.assign(this.options, changed);
    this.use(new MemoryStore({ ...this.storeOptions, incarnation: 'one' }));
    this.store.rollback(content);
  }

  close(): void {
    void this.store.close();
  }
}

export class SqliteHarness extends Harness {
  readonly file: string;
  db: DatabaseSync;

  /** `file` may be ':memory:'. */
  constructor(options: HarnessOptions, file: string) {
    super(options);
    this.file = file;
    this.db = openDatabase(file);
    this.use(new SqliteStore(this.db, this.storeOptions));
  }

  snapshot() {
    return this.db.serialize();
  }

  rollback(snapshot: unknown): void {
    void this.store.close();
    if (this.file === ':memory:') this.db.deserialize(snapshot as Uint8Array);
    else {
      this.db.close();
      for (const suffix of ['-wal', '-shm']) rmSync(this.file + suffix, { force: true });
      writeFileSync(this.file, snapshot as Uint8Array);
      this.db = openDatabase(this.file);
    }
    this.use(new SqliteStore(this.db, this.storeOptions));
  }

  reopen(changed: Partial<HarnessOptions> = {}): void {
    void this.store.close();
    Object.assign(this.options, changed);
    if (this.file !== ':memory:') {
      this.db.close();
      this.db = openDatabase(this.file);
    }
    this.use(new SqliteStore(this.db, this.storeOptions));
  }

  close(): void {
    void this.store.close();
    if (this.db.isOpen) this.db.close();
  }
}
