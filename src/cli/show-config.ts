/** `clickrate config`: what is in force, and why. */
import type { Command } from 'commander';
import { Keys } from '../api/doors/keys.ts';
import { Origins } from '../api/doors/origins.ts';
import { Calendar } from '../calendar.ts';
import type { Options } from '../config.ts';
import { clientOptions } from '../sources/kafka/client.ts';
import { placeOf } from '../stores/redis/connection.ts';
import { configurationOf, type Flags, withOptions } from './command.ts';
import { ALL, printable } from './options.ts';

export function addConfig(command: Command): void {
  withOptions(command, ALL).action((flags: Flags) => {
    const { options, effective } = configurationOf(flags, ALL);
    mustBeRead(options);
    process.stdout.write(`${printable(effective)}\n`);
  });
}

/** Other commands refuse a text when they use it. Files are theirs: they may be another user's. */
function mustBeRead(options: Options): void {
  new Calendar(options.timeZone);
  placeOf(options.redis);
  clientOptions({ ...options, tls: false });
  new Keys(options.readKeys, 'readKeys');
  new Keys(options.writeKeys, 'writeKeys');
  new Origins(options.corsOrigins);
}
