/** `clickrate engine`: counts what Kafka has into the store; takes no events over HTTP. */
import type { Command } from 'commander';
import { LIMITS } from '../config.ts';
import {
  configurable,
  configurationOf,
  DOOR_OPTIONS,
  type Flags,
  KAFKA_OPTIONS,
  pick,
  withEngine,
} from './command.ts';
import { startKafkaSize } from './kafka-size.ts';
import { createLogger } from './logger.ts';
import { untilStopped } from './running.ts';
import { mustBeOne } from './workers.ts';

/** What it has for defaults instead of the usual ones. */
const STANDARDS = { store: 'redis' } as const;
const OPTIONS = {
  ...KAFKA_OPTIONS,
  ...DOOR_OPTIONS,
  ...pick('data', 'redis', 'redisPassword', 'timeZone'),
  ...pick('onGap', 'onLostStore', 'groupInstance', 'minSample'),
  ...STANDARDS,
};

export function addEngine(command: Command): void {
  withEngine(configurable(command, OPTIONS))
    .addHelpText(
      'after',
      `
Several share the partitions; more than there are partitions stand by. With --port 0 any free port
is taken.`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf({ ...flags, source: 'kafka' }, STANDARDS);
      mustBeOne(options.workers);
      const log = createLogger(options);
      const running = await startKafkaSize({
        ...{ options, settings, log, limits: LIMITS, takesEvents: false },
        resetWindows: flags.resetWindows === true,
        takeOver: flags.takeOver === true,
      });
      await untilStopped(running, { ...options, generate: false }, log);
    });
}
