/** What most pipelines of these tests are told: one task whose partitions nobody else has. */
import { LIMITS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';

export const ALONE = {
  task: '0',
  limits: LIMITS,
  log: silentLog,
  settings: settingsWith({}),
  newToken: () => 'token',
  newIdKey: () => '0'.repeat(32),
  stillOurs: async () => true,
};
