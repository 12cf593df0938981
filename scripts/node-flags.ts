/** With which flags of Node a file is run: those of its first line, as a shell runs it. */
import { readFileSync } from 'node:fs';

const FIRST_LINE = /^#!\/usr\/bin\/env -S node (.*)\n/;

export function nodeFlags(file: string): string[] {
  return FIRST_LINE.exec(readFileSync(file, 'utf8'))?.[1].split(' ') ?? [];
}
