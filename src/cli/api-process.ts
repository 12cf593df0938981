/** What a process that only serves results is made from, whichever store has them. */
import type { Logger } from 'pino';
import type { DoorOptions } from '../api/doors/doors.ts';
import type { Limits, Options, Settings } from '../config.ts';

export type ApiProcessParts = {
  options: Pick<Options, 'port' | 'data' | 'redis' | 'redisPassword' | 'minSample' | 'timeZone'> &
    DoorOptions;
  settings: Settings;
  limits: Limits;
  log: Logger;
};

export type ApiProcess = { url: string; stop(): Promise<void> };
