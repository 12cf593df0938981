/** How a command that failed ends. */
import { messageOf } from '../errors.ts';

/**
 * The last words of a command that failed, and its exit code: 2 for a wrong command line. It ends
 * well and without words when whoever read its output has read enough (`| head`).
 */
export function exitCodeOf(error: unknown): { code: number; text: string } {
  if (isPipeClosed((error as Error).cause)) return { code: 0, text: '' };
  const code = (error as { code?: string }).code;
  const isUsage = code === 'usage' || code === 'config_invalid';
  return { code: isUsage ? 2 : 1, text: `clickrate: ${messageOf(error)}` };
}

/** Whether the other end of a pipe was closed. */
export function isPipeClosed(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}
