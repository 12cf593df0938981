/** `clickrate run`: events in, rates out, until a signal stops it. */
import type { Command } from 'commander';
import { Doors } from '../api/doors/doors.ts';
import { LIMITS, type Options } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import {
  configurationOf,
  ENGINE_OPTIONS,
  type Flags,
  pick,
  withEngine,
  withOptions,
} from './command.ts';
import type { KafkaSizeParts } from './kafka-size.ts';
import { createLogger } from './logger.ts';
import { type Running, untilStopped } from './running.ts';

const OPTIONS = {
  ...pick('source', 'generate', 'rate', 'products', 'seed'),
  ...ENGINE_OPTIONS,
};

export function addRun(command: Command): void {
  withEngine(withOptions(command, OPTIONS)).addHelpText(
    'after',
    `
Examples:
  clickrate run --generate                      the original demo in one process
  clickrate run --port 9000 --data /var/lib/clickrate
  clickrate run --source kafka --store redis    engine and API of the Kafka size
  CLICKRATE_WINDOW_MS=1000 clickrate run        one-second windows

One process counts. With --store redis, clickrate api --workers N beside it serves from N.`,
  );
  command.action(async (flags: Flags) => {
    const { options, settings } = configurationOf(flags, OPTIONS);
    const log = createLogger(options);
    const resetWindows = flags.resetWindows === true;
    const takeOver = flags.takeOver === true;
    const parts = { options, settings, limits: LIMITS, log, resetWindows, takeOver };
    const { generate, rate, products, seed } = options;
    const generated = generate ? { generator: { rate, products, seed }, settings } : null;
    await untilStopped(await started(parts), log, generated);
  });
}

/** One process needs no client of Kafka or Redis, and does not load them. */
async function started(
  parts: KafkaSizeParts & { options: Pick<Options, 'source'> },
): Promise<Running> {
  const { source, store } = parts.options;
  if (source === 'journal') {
    if (store === 'redis')
      throw new ClickrateError('config_invalid', 'redis as the store needs --source kafka');
    if (parts.takeOver)
      throw new ClickrateError(
        'usage',
        '--take-over needs --source kafka: one process with a journal takes nothing over',
      );
    const { startEmbedded } = await import('./embedded.ts');
    return startEmbedded({ ...parts, doors: new Doors(parts.options, true) });
  }
  const { startKafkaSize } = await import('./kafka-size.ts');
  return startKafkaSize(parts);
}
