/** Engines as processes of their own, the way a user starts them. */
import { type Child, eventually, outputOf, startNode } from '../support/processes.ts';

export type EngineOptions = {
  bootstrap: string;
  redis: string;
  impressions: string;
  clicks: string;
  group: string;
  /** More flags of `clickrate run`. */
  flags?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** What runs instead of the command line's main. */
  file?: string;
};

export type Engine = Child & { url: string };

export type Readiness = {
  ready: boolean;
  reasons: string[];
  tasks: { task: string; state: string; ready: boolean }[];
};

/** Starts one and waits for its port. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const flags = {
    '--source': 'kafka',
    '--store': 'redis',
    '--port': '0',
    '--brokers': options.bootstrap,
    '--redis': options.redis,
    '--group': options.group,
    '--impressions-topic': options.impressions,
    '--clicks-topic': options.clicks,
    '--rejected-topic': '',
  };
  const args = ['run', ...Object.entries(flags).flat(), ...(options.flags ?? [])];
  const child = startNode(options.file ?? 'src/cli/main.ts', args, options.env);
  try {
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
    return { ...child, url };
  } catch (error) {
    await child.kill('SIGKILL');
    throw error;
  }
}

/** What `/readyz` says, whichever way; null when nobody answers. */
export async function readiness(engine: Engine): Promise<Readiness | null> {
  try {
    const response = await fetch(`${engine.url}/readyz?verbose`, {
      signal: AbortSignal.timeout(2_000),
    });
    return (await response.json()) as Readiness;
  } catch {
    return null;
  }
}

/** Waits until the engines together run every task. */
export async function allRunning(engines: readonly Engine[], tasks: number, waitMs = 30_000) {
  await eventually(async () => {
    const seen = await Promise.all(engines.map(readiness));
    const running = seen.flatMap((one) => one?.tasks.filter(({ ready }) => ready) ?? []);
    const distinct = new Set(running.map(({ task }) => task));
    if (distinct.size === tasks && seen.every((one) => one?.ready)) return true;
    throw new Error(`running: ${JSON.stringify(seen)}`);
  }, waitMs);
}
