/** Every key of Redis that clickrate uses; `docs/redis.md` has the fields. All under `ctr:`. */

export const KEYS = {
  /** Hash: what is of no task, such as the writer and the number of the last change. */
  store: 'ctr:store',
  /** Hashes: product → result JSON, as the original demo's clients read it. */
  latest: 'ctr:latest',
  previous: 'ctr:previous',
  /** Hash: product → number and owning task; without a task it has left latest and previous. */
  products: 'ctr:products',
  /** Set of task names. */
  tasks: 'ctr:tasks',
  /** Sorted set of the products without a task, by when they left. */
  departed: 'ctr:departed',
  /** Hash: level of history → cells. */
  cells: 'ctr:cells',
  /** Sorted set of the window starts that have history, scored by themselves. */
  windows: 'ctr:windows',
  /** Stream of kept events; list of arrival and size of each, in the same order. */
  rejected: 'ctr:rejected',
  rejectedSizes: 'ctr:rejected:sizes',
  /** List of old comebacks, as JSON, oldest first. */
  comebacks: 'ctr:comebacks',
  /** Stream of changes: entry `n-0` is change n. */
  changes: 'ctr:changes',
  /** Within a transaction that is refused, see `transaction.ts`: there is never one to be seen. */
  refused: 'ctr:refused',
} as const;

/** Followed by the task: hash of fence, write number, status. */
export const TASK_PREFIX = 'ctr:task:';
/** Followed by the task: hash of checkpoint parts. */
export const PARTS_PREFIX = 'ctr:parts:';
/** Followed by a level of history: sorted set of the starts of its periods; see `windows`. */
export const PERIODS_PREFIX = 'ctr:periods:';
/** Followed by the window's start, or by a level, `:`, and a period's: hash of packed cells. */
export const HISTORY_PREFIX = 'ctr:history:';

/** Version of the form of all keys. Newer code reads older forms; a newer form is refused. */
export const FORM = 4;
