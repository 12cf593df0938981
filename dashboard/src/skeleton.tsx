/** What stands there until the first snapshot: the table's outline, then what is awaited. */

import { useRef } from 'preact/hooks';
import { useNow } from './hooks.ts';
import type { LinkState } from './link.ts';

/** The outline gives way to a sentence when loading takes longer than a moment. */
const OUTLINE_MS = 300;
const ROWS = [0, 1, 2, 3, 4, 5, 6, 7];

export function Skeleton({ link }: { link: LinkState }) {
  const began = useRef(Date.now());
  const nowMs = useNow(100);
  const long = nowMs - began.current > OUTLINE_MS;
  if (link.phase === 'lost')
    return (
      <section class="notice">
        <h1>The API does not answer</h1>
        <p>
          This page keeps trying by itself. <code>/livez</code> says whether the process runs, and
          its own output what stopped it.
        </p>
        <p class="muted">Reported: {link.why}</p>
      </section>
    );
  return (
    <section aria-busy="true" aria-label="Loading">
      <div class={`skeleton ${long ? 'calm' : ''}`} aria-hidden="true">
        {ROWS.map((row) => (
          <i key={row} />
        ))}
      </div>
      {long && <p class="muted centred">Loading the newest results …</p>}
    </section>
  );
}
