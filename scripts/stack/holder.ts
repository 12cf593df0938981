/** Who listens on a port, where the system tells it (Linux). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

/** `pid 12 (java -Xmx…)` of the process that listens on `port`; null: not known. */
export function holderOf(port: number): string | null {
  try {
    const wanted = new Set(socketsOn(port).map((inode) => `socket:[${inode}]`));
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      if (holdsOne(pid, wanted)) return `pid ${pid} (${commandOf(pid)})`;
    return null;
  } catch {
    return null;
  }
}

/** Inodes of the sockets that listen there: the tenth word of a line; the second is the address. */
function socketsOn(port: number): string[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((words) => words[1]?.endsWith(hex) && words[3] === LISTENING)
      .map((words) => words[9] as string),
  );
}

function holdsOne(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    const files = readdirSync(`/proc/${pid}/fd`);
    return files.some((file) => sockets.has(linkOf(`/proc/${pid}/fd/${file}`)));
  } catch {
    // Another user's process, or one that has just ended.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function commandOf(pid: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  const text = words.join(' ');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
