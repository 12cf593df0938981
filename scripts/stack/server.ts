/** A server process of the stack: started in its own group, found again by its record, ended. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** How long a server may take to answer, and to end when it is asked to. */
const READY_MS = 90_000;
const END_MS = 20_000;
const LOOK_MS = 100;

export type ServerPlan = {
  name: string;
  /** The one that clients use, and others that it listens on. */
  port: number;
  otherPorts?: readonly number[];
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Where its record and its log are. */
  directory: string;
};

/** What is known of a server that was started. */
export type Server = {
  name: string;
  port: number;
  pid: number;
  /** Together with the pid it names the process for good. */
  began: string;
  /** The file that holds this. */
  file: string;
};

const recordFile = ({ directory, name }: ServerPlan) => join(directory, `${name}.server.json`);
const logFile = ({ directory, name }: ServerPlan) => join(directory, `${name}.log`);

/** Servers with a record in the directory or in one of its own that still run. */
export function runningServers(directory: string): Server[] {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  const places = [directory, ...folders.map(({ name }) => join(directory, name))];
  return places
    .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
    .filter((file) => file.endsWith('.server.json'))
    .map((file) => ({ ...JSON.parse(readFileSync(file, 'utf8')), file }) as Server)
    .filter(isRunning);
}

/** The server if it runs. */
export function runningOf(plan: ServerPlan): Server | null {
  return runningServers(plan.directory).find(({ name }) => name === plan.name) ?? null;
}

/** Another process may have the number of one that ended. */
export function isRunning({ pid, began }: Server): boolean {
  return beganAt(pid) === began;
}

/** When a process was started, in words of the system; null: there is none. */
function beganAt(pid: number): string | null {
  if (existsSync('/proc/self/stat')) {
    if (!existsSync(`/proc/${pid}/stat`)) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: the state, and 18 numbers later the start.
    const words = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return words[0] === 'Z' ? null : (words[19] as string);
  }
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout?.trim() || null;
}

/** Starts it in the background, unless it runs. Rejects when it cannot be started. */
export async function startServer(plan: ServerPlan): Promise<void> {
  if (runningOf(plan) !== null) return;
  mkdirSync(plan.directory, { recursive: true });
  const log = openSync(logFile(plan), 'a');
  const child = spawn(plan.command, plan.args, {
    env: { ...process.env, ...plan.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  const { name, port } = plan;
  const pid = child.pid as number;
  writeFileSync(recordFile(plan), JSON.stringify({ name, port, pid, began: beganAt(pid) }));
}

/** Waits until it is ready. Rejects with the end of its log. */
export async function untilReady(plan: ServerPlan, isReady: () => Promise<boolean>): Promise<void> {
  for (const untilMs = Date.now() + READY_MS; !(await isReady()); await pause()) {
    const died = runningOf(plan) === null;
    if (!died && Date.now() < untilMs) continue;
    const end = readFileSync(logFile(plan), 'utf8').slice(-2_000);
    throw new Error(`${plan.name} ${died ? 'ended' : 'did not answer'}; its log ends:\n${end}`);
  }
}

/** Ends it in order, or by force after a while. */
export async function stopServer(server: Server): Promise<void> {
  const { pid, file } = server;
  if (isRunning(server)) process.kill(pid, 'SIGTERM');
  for (const untilMs = Date.now() + END_MS; isRunning(server); await pause())
    if (Date.now() > untilMs) process.kill(pid, 'SIGKILL');
  rmSync(file, { force: true });
}

/** Whether something accepts connections there. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(1_000, () => end(false));
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
