/**
 * How many files are open, and may be: connections are some of them. With none left Node accepts a
 * connection only to close it, and tells nobody, so what is left is told.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Read at first: with none left it could not be. Where the system does not tell: Infinity. */
export const MOST_FILES = mostFiles();

function mostFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

/** 0 where the system does not tell. */
export function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? MOST_FILES : 0;
  }
}
