/**
 * What a job that goes on could no longer read. Flink says nothing where the place it goes on from
 * is not in the log any more: it jumps to the log's beginning.
 */

/** A data partition: its log, and the offset up to which the job has read it. */
export type ReadLog = {
  /** Of its topic, and its partition: a topic that was made anew has other ones. */
  id: string;
  name: string;
  first: number;
  end: number;
  /** Null: the job's group has committed none. */
  committed: number | null;
};

/** By log: where it began when records before that were skipped. */
export type Skipped = Readonly<Record<string, number>>;

/** As if what was skipped had been read: the job commits it only with the next record. */
export function withSkipped(logs: readonly ReadLog[], skipped: Skipped): ReadLog[] {
  return logs.map((log) => {
    const { id, committed } = log;
    return committed === null
      ? log
      : { ...log, committed: Math.max(committed, skipped[id] ?? committed) };
  });
}

/** To be remembered when the job goes on without what is gone. */
export function skippedOf(logs: readonly ReadLog[]): Skipped {
  const cut = logs.filter(({ committed, first }) => committed !== null && committed < first);
  return Object.fromEntries(cut.map(({ id, first }) => [id, first]));
}

/** A sentence for each partition of which records are gone. */
export function gapsOf(logs: readonly ReadLog[]): string[] {
  return logs.flatMap(({ name, first, end, committed }) => {
    if (committed === null || (committed >= first && committed <= end)) return [];
    const read = `the job has read ${name} to offset ${committed}, but its log`;
    if (committed > end) return [`${read} ends at ${end}: it lost its end, or is another one`];
    const gone = `${first - committed} records were deleted before they were read`;
    return [`${read} begins at ${first}: ${gone}`];
  });
}

/**
 * Committed offsets go a week after the job has stopped, and so do records: nobody knows then what
 * was read, nor of a job that was stopped before its first commit. Null: the offsets are known, or
 * the logs still hold all there ever was.
 */
export function unknownOf(logs: readonly ReadLog[], group: string): string | null {
  const cut = logs.find(({ first }) => first > 0);
  if (cut === undefined || logs.some(({ committed }) => committed !== null)) return null;
  return (
    `group ${group} has no committed offsets, so that it is not known how far the job ` +
    `has read, and the log of ${cut.name} begins at ${cut.first}: records may be gone`
  );
}

/** A sentence for each topic whose id is not the one it had. */
export function renewedOf(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(now)
    .filter((topic) => before[topic] !== undefined && before[topic] !== now[topic])
    .map((topic) => `topic ${topic} was deleted and made anew since the job was deployed`);
}
