/** Why a repair is not possible: what is in its way is not always damage. */
import { ClickrateError, type ErrorCode, messageOf } from '../errors.ts';

/** What the system says that is no damage, and what to do about it. */
const IN_THE_WAY: Record<string, [ErrorCode, then: string]> = {
  ENOSPC: ['store_full', 'make room for a copy of it, and repair again'],
  EDQUOT: ['store_full', 'make room for a copy of it, and repair again'],
  EACCES: ['store_unavailable', 'repair as the user that runs clickrate'],
  EPERM: ['store_unavailable', 'repair as the user that runs clickrate'],
  EROFS: ['store_unavailable', 'repair where it can be written'],
  EIO: ['store_unavailable', 'see to the disk, or copy the directory to another, and repair there'],
  ENOMEM: ['store_unavailable', 'repair where there is more memory'],
};
/** What SQLite says of it, by its primary result code. */
const OF_SQLITE: Record<number, string> = { 7: 'ENOMEM', 10: 'EIO', 13: 'ENOSPC' };

/** Why a repair is not possible, in one sentence. */
export function impossible(file: string, error: unknown): ClickrateError {
  if (error instanceof ClickrateError) return error;
  const { code, errcode } = error as { code?: string; errcode?: number };
  const reason = OF_SQLITE[(errcode ?? 0) & 0xff] ?? code ?? '';
  const [known, then] = IN_THE_WAY[reason] ?? [
    'checkpoint_damaged',
    'restore a copy, or move it away to begin anew',
  ];
  return new ClickrateError(known, `${file} cannot be repaired (${messageOf(error)}): ${then}`, {
    cause: error,
  });
}
