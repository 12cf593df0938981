/**
 * A process to kill: appends to the journal in the file it is given, and says on a line what was
 * acknowledged, again and again.
 */
import { systemClock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { Journal } from '../../src/sources/journal.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { recordsOf } from '../support/records.ts';

const journal = new Journal(openDatabase(process.argv[2]!), { limits: LIMITS, clock: systemClock });
for (let n = 0; ; n++) {
  const records = [`first of ${n}`, `second of ${n}`];
  const { offset } = await journal.append(recordsOf(records, 0));
  process.stdout.write(`${JSON.stringify({ offset, records })}\n`);
}
