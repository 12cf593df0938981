/** `clickrate api --store sqlite`: serves a data directory that nobody fills now, as it stands. */
import { Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { openToRead } from '../sqlite.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import { apiParts } from './api-parts.ts';
import type { ApiProcess, ApiProcessParts } from './api-process.ts';
import { existingFileIn } from './data.ts';
import { listen } from './listen.ts';
import { lockDirectory } from './lock.ts';

/**
 * Serves what the directory holds: read only, and locked, so that nothing changes it meanwhile.
 * Throws `file_unreadable`, `directory_locked`, `port_in_use`, and what a start would refuse.
 */
export async function startDirectoryApi(parts: ApiProcessParts): Promise<ApiProcess> {
  const { options, settings, limits, log } = parts;
  // Before the lock, which would make the directory.
  const file = existingFileIn(options.data);
  await using closers = new AsyncDisposableStack();
  const lock = lockDirectory(options.data);
  closers.defer(() => lock.release());
  const db = openToRead(file, false);
  closers.defer(() => db.close());
  const server = await createServer({
    ...apiParts(options, settings, log),
    reader: new SqliteStore(db, { limits, timeZone: options.timeZone }),
    limits,
    doors: new Doors(options, false),
    // Its tasks ended: what they committed is all there is to tell of them.
    health: () => [],
  });
  closers.defer(() => server.close());
  const url = await listen(server, options);
  lock.update({ url });
  const started = closers.move();
  return { url, stop: () => started.disposeAsync() };
}
