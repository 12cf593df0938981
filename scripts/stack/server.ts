/** A server process of the stack: started in its own group, found again by its pid file, ended. */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

/** How long a server may take to answer, and to end when it is asked to. */
const READY_MS = 90_000;
const END_MS = 20_000;
const LOOK_MS = 100;

export type ServerPlan = {
  name: string;
  port: number;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** A part of its command line that tells it from all others. */
  mark: string;
  /** Where the pid file and the log are. */
  directory: string;
};

const pidFile = ({ directory, name }: ServerPlan) => join(directory, `${name}.pid`);
export const logFile = ({ directory, name }: ServerPlan) => join(directory, `${name}.log`);

/** Process id of the server if it runs. */
export function runningPid(plan: ServerPlan): number | null {
  if (!existsSync(pidFile(plan))) return null;
  const pid = Number(readFileSync(pidFile(plan), 'utf8'));
  // Another process may have the number by now.
  return isAlive(pid) && commandOf(pid).includes(plan.mark) ? pid : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The command line of a process, where the system tells it. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return existsSync('/proc') ? '' : String(pid);
  }
}

/** Starts it in the background. Throws when its port is taken by something else. */
export async function startServer(plan: ServerPlan): Promise<void> {
  if (runningPid(plan) !== null) return;
  if (await answers(plan.port))
    throw new Error(`port ${plan.port} for ${plan.name} is in use by another program`);
  mkdirSync(dirname(pidFile(plan)), { recursive: true });
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
  writeFileSync(pidFile(plan), String(child.pid));
}

/** Waits until something accepts connections on the port. Throws with the end of its log. */
export async function untilReady(plan: ServerPlan, isReady: () => Promise<boolean>): Promise<void> {
  for (const untilMs = Date.now() + READY_MS; !(await isReady()); await pause()) {
    // Its own mark may come late: Redis writes its command line anew once it runs.
    const died = !isAlive(Number(readFileSync(pidFile(plan), 'utf8')));
    if (!died && Date.now() < untilMs) continue;
    const end = readFileSync(logFile(plan), 'utf8').slice(-2_000);
    throw new Error(`${plan.name} ${died ? 'ended' : 'did not answer'}; its log ends:\n${end}`);
  }
}

/** Ends it in order, or by force after a while; false when it did not run. */
export async function stopServer(plan: ServerPlan): Promise<boolean> {
  const pid = runningPid(plan);
  if (pid !== null) {
    process.kill(pid, 'SIGTERM');
    for (const untilMs = Date.now() + END_MS; isAlive(pid); await pause())
      if (Date.now() > untilMs) process.kill(pid, 'SIGKILL');
  }
  rmSync(pidFile(plan), { force: true });
  return pid !== null;
}

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
