/** The crowd of stream readers, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Come, Heard } from './readers-child.ts';

export type Readers = {
  come(): void;
  leave(): void;
  heard(): Promise<Heard>;
};

/** Started for `t`, and ended with it; they come when they are told. */
export function startReaders(t: { after(fn: () => unknown): void }, crowd: Come): Readers {
  const child = fork(fileURLToPath(new URL('./readers-child.ts', import.meta.url)));
  t.after(() => child.kill('SIGKILL'));
  return {
    come: () => void child.send(crowd),
    leave: () => void child.send('leave'),
    heard: async () => {
      child.send('report');
      const [heard] = await once(child, 'message');
      return heard as Heard;
    },
  };
}
