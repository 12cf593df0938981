/** Every window of the range, the newest first. */
import { useState } from 'preact/hooks';
import { isFinal } from './final.ts';
import { count, moment, percent, percents } from './format.ts';
import { Steady } from './steady.ts';
import type { Live } from './types.ts';

const FIRST = 60;

type Props = { windows: readonly Live[]; finalBefore: number | null };

export function WindowTable({ windows, finalBefore }: Props) {
  const [limit, setLimit] = useState(FIRST);
  const today = new Date().setHours(0, 0, 0, 0);
  const shown = windows.slice(-limit).reverse();
  return (
    <section>
      <h2>Windows</h2>
      <table class="figures windows">
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col" class="number">
              CTR %
            </th>
            <th scope="col" class="number">
              95 % interval
            </th>
            <th scope="col" class="number">
              Impressions
            </th>
            <th scope="col" class="number">
              Clicks
            </th>
            <th scope="col" class="number">
              Revisions seen
            </th>
            <th scope="col">Status</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((window) => (
            <WindowRow
              key={window.window_start}
              window={window}
              isFinal={isFinal(window, finalBefore)}
              today={today}
            />
          ))}
        </tbody>
      </table>
      {windows.length > limit && (
        <button type="button" class="small" onClick={() => setLimit(limit * 4)}>
          Show older windows ({count(windows.length - limit)} more)
        </button>
      )}
    </section>
  );
}

/** `today`: its beginning. All that a time of day needs to know of now, it changes once a day. */
class WindowRow extends Steady<{ window: Live; isFinal: boolean; today: number }> {
  override render({ window, isFinal, today }: WindowRow['props']) {
    return (
      <tr>
        <th scope="row">{moment(window.window_start, today)}</th>
        <td class="rate number strong">{percent(window.ctr)}</td>
        <td class="interval number">{percents(window.ctr_low, window.ctr_high)}</td>
        <td class="impressions number">{count(window.impressions)}</td>
        <td class="clicks number">{count(window.clicks)}</td>
        <td class="revisions number">{window.revisions ?? ''}</td>
        <td class="status">
          <span>{isFinal ? '✓ final' : '… provisional'}</span>
          {window.few && <small class="tag">few views</small>}
        </td>
      </tr>
    );
  }
}
