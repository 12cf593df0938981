/** Whether Redis may throw keys away. History that it did would be missed by nobody. */
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Connection } from './connection.ts';

export class Eviction {
  #isTold = false;

  /** Warns where it may, once. Who has no right to ask is not told. */
  async tell(connection: Connection, log: Log): Promise<void> {
    if (this.#isTold) return;
    this.#isTold = true;
    try {
      const memory = await connection.send<string>(['INFO', 'memory']);
      const most = /^maxmemory:(\d+)/m.exec(memory)?.[1];
      const policy = /^maxmemory_policy:(allkeys-\w+)/m.exec(memory)?.[1];
      if (policy === undefined || most === '0') return;
      log.warn(
        { maxmemory: Number(most) },
        `Redis at ${connection.where} throws keys away when it is full, so history or a ` +
          `checkpoint may get lost: set maxmemory-policy noeviction (it is ${policy})`,
      );
    } catch (error) {
      log.debug({}, `it is not known whether Redis throws keys away: ${messageOf(error)}`);
    }
  }
}
