/** `clickrate run`: events in, rates out, until a signal stops it. */
import type { Command } from 'commander';
import { Doors } from '../api/doors/doors.ts';
import { LIMITS, OPTIONS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { configurable, configurationOf, FLINK_OPTIONS, type Flags, withEngine } from './command.ts';
import type { KafkaSizeParts } from './kafka-size.ts';
import { createLogger } from './logger.ts';
import { type Running, untilStopped } from './running.ts';
import { mustBeOne } from './workers.ts';

export function addRun(command: Command): void {
  const ours = Object.entries(OPTIONS).filter(([name]) => !Object.hasOwn(FLINK_OPTIONS, name));
  withEngine(configurable(command, Object.fromEntries(ours))).addHelpText(
    'after',
    `
Examples:
  clickrate run --generate                      the original demo in one process
  clickrate run --port 9000 --data /var/lib/clickrate
  clickrate run --source kafka --store redis    engine and API of the Kafka size
  CLICKRATE_WINDOW_MS=1000 clickrate run        one-second windows`,
  );
  command.action(async (flags: Flags) => {
    const { options, settings } = configurationOf(flags);
    mustBeOne(options.workers);
    const log = createLogger(options);
    const resetWindows = flags.resetWindows === true;
    const takeOver = flags.takeOver === true;
    const parts = { options, settings, limits: LIMITS, log, resetWindows, takeOver };
    await untilStopped(await started(parts), options, log, settings);
  });
}

/** One process needs no client of Kafka or Redis, and does not load them. */
async function started(parts: KafkaSizeParts): Promise<Running> {
  const { options } = parts;
  if (options.source === 'journal' && options.store === 'sqlite') {
    if (parts.takeOver)
      throw new ClickrateError(
        'usage',
        '--take-over needs --source kafka: one process with a journal takes nothing over',
      );
    const { startEmbedded } = await import('./embedded.ts');
    return startEmbedded({ ...parts, doors: new Doors(options, true) });
  }
  const { startKafkaSize } = await import('./kafka-size.ts');
  return startKafkaSize(parts);
}
