/** `clickrate engine`: counts what Kafka has into the store; takes no events over HTTP. */
import type { Command } from 'commander';
import { LIMITS } from '../config.ts';
import { configurationOf, ENGINE_OPTIONS, type Flags, withEngine, withOptions } from './command.ts';
import { startKafkaSize } from './kafka-size.ts';
import { createLogger } from './logger.ts';
import { untilStopped } from './running.ts';

const OPTIONS = { ...ENGINE_OPTIONS, store: 'redis' as const };

export function addEngine(command: Command): void {
  withEngine(withOptions(command, OPTIONS))
    .addHelpText(
      'after',
      `
Several share the partitions; more than there are partitions stand by. With --port 0 any free port
is taken.`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf(flags, OPTIONS);
      const log = createLogger(options);
      const running = await startKafkaSize({
        options,
        settings,
        log,
        limits: LIMITS,
        takesEvents: false,
        resetWindows: flags.resetWindows === true,
        takeOver: flags.takeOver === true,
      });
      await untilStopped(running, log);
    });
}
