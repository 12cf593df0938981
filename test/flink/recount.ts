/** What the topics of events hold, counted one by one. */
import { settingsWith } from '../../src/config.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { CLICK } from '../../src/event.ts';
import { readTopics } from '../kafka/log-reader.ts';
import type { Cell } from '../support/flink-size.ts';

/** Good records by product and window, whenever they came; and how many are broken. */
export async function recount(
  bootstrap: string,
  windowMs: number,
  isLeftOut: (origin: string) => boolean = () => false,
): Promise<{ cells: Map<string, Cell>; broken: number }> {
  const cells = new Map<string, Cell>();
  let broken = 0;
  const settings = settingsWith({ windowMs });
  for (const { partition, records } of await readTopics(bootstrap, ['impressions', 'clicks']))
    for (const { offset, bytes, arrivalMs } of records) {
      const found = judgeReference(bytes, 0, bytes.length, arrivalMs, settings);
      if ('reject' in found) broken++;
      else if (!isLeftOut(`${partition} ${offset}`)) {
        const key = `${found.product} ${found.time - (found.time % windowMs)}`;
        const cell = cells.get(key) ?? { impressions: 0, clicks: 0 };
        if (found.kind === CLICK) cell.clicks++;
        else cell.impressions++;
        cells.set(key, cell);
      }
    }
  return { cells, broken };
}
