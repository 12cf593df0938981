/** How a command that failed ends. */
import { messageOf } from '../errors.ts';

/** The last words of a command that failed, and its exit code: 2 for a wrong command line. */
export function exitCodeOf(error: unknown): { code: number; text: string } {
  const code = (error as { code?: string }).code;
  const isUsage = code === 'usage' || code === 'config_invalid';
  return { code: isUsage ? 2 : 1, text: `clickrate: ${messageOf(error)}` };
}
