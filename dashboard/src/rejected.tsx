/** Events that were not counted: why, when, where from, their bytes, and another try. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { count, moment, words } from './format.ts';
import { rawText } from './raw.ts';
import type { RejectedEvent, RejectedPage } from './types.ts';

const PAGE = 25;
/** When an empty list is looked at again: figures are told before the commit that keeps events. */
const LATER_MS = [1_000, 3_000, 10_000];
/** When one that could not be read is asked for again. */
const AGAIN_MS = 5_000;

type Loaded = { list: RejectedEvent[]; next: number | null; why: string | null; busy: boolean };
const NOTHING: Loaded = { list: [], next: null, why: null, busy: true };

type Props = { counts: [string, number][]; reason: string; onReason: (reason: string) => void };

export function RejectedList({ counts, reason, onReason }: Props) {
  const [loaded, load, more] = useRejected(reason);
  const known = counts.some(([name]) => name === reason) || reason === '' ? [] : [[reason, 0]];
  const total = counts.reduce((sum, [, n]) => sum + n, 0);
  const wanted = reason === '' ? total : (counts.find(([name]) => name === reason)?.[1] ?? 0);
  const isEmpty = useRef(false);
  isEmpty.current = loaded.list.length === 0 && !loaded.busy;
  useEffect(() => {
    // The first one shows itself; a list that somebody reads stays as it is.
    const look = () => {
      if (isEmpty.current && wanted > 0) load();
    };
    look();
    const timers = LATER_MS.map((ms) => setTimeout(look, ms));
    return () => timers.forEach(clearTimeout);
  }, [wanted, load]);
  return (
    <section>
      <div class="section-head">
        <h2>Not counted</h2>
        <label>
          Reason{' '}
          <select value={reason} onChange={(event) => onReason(event.currentTarget.value)}>
            <option value="">all ({count(total)})</option>
            {[...counts, ...(known as [string, number][])].map(([name, n]) => (
              <option key={name} value={name}>
                {words(name)} ({count(n)})
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="small" onClick={load}>
          Reload
        </button>
      </div>
      {loaded.why !== null && (
        <div class="notice inline" role="alert">
          <p>The list could not be read: {loaded.why}</p>
        </div>
      )}
      {loaded.list.length === 0 && loaded.why === null && (
        <p class="muted">{loaded.busy ? 'Loading …' : noneText(wanted)}</p>
      )}
      <ul class="rejects">
        {loaded.list.map((event) => (
          <Rejected key={event.id} event={event} />
        ))}
      </ul>
      {loaded.next !== null && (
        <button type="button" class="small" disabled={loaded.busy} onClick={more}>
          Show older
        </button>
      )}
    </section>
  );
}

/** Why the list is empty, where `wanted` events were not counted. */
function noneText(wanted: number): string {
  return wanted === 0 ? 'None is kept. Every event was usable.' : 'None of these is kept any more.';
}

/** The list, how to read it anew, and how to read on. */
function useRejected(reason: string): [Loaded, () => void, () => void] {
  const [loaded, set] = useState<Loaded>(NOTHING);
  const reading = useRef(new AbortController());
  const read = useCallback(
    async (before: number | null) => {
      const { signal } = reading.current;
      set((was) => ({ ...was, busy: true }));
      try {
        const { rejected, next } = await pageOf(reason, before, signal);
        set((was) => ({
          list: before === null ? rejected : [...was.list, ...rejected],
          next,
          why: null,
          busy: false,
        }));
      } catch (error) {
        if (signal.aborted) return;
        const why = error instanceof Error ? error.message : String(error);
        set((was) => ({ ...was, why, busy: false }));
      }
    },
    [reason],
  );
  // An answer that comes later than the one to a newer question belongs to no list.
  const anew = useCallback(() => {
    reading.current.abort();
    reading.current = new AbortController();
    void read(null);
  }, [read]);
  useEffect(() => {
    set(NOTHING);
    anew();
    return () => reading.current.abort();
  }, [anew]);
  const isNeeded = loaded.why !== null && loaded.list.length === 0 && !loaded.busy;
  useEffect(() => {
    if (!isNeeded) return;
    const timer = setTimeout(anew, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [isNeeded, anew]);
  return [loaded, anew, () => void read(loaded.next)];
}

async function pageOf(
  reason: string,
  before: number | null,
  signal: AbortSignal,
): Promise<RejectedPage> {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (reason !== '') query.set('reason', reason);
  if (before !== null) query.set('before', String(before));
  const answer = await fetch(`/v1/rejected?${query}`, { signal });
  if (!answer.ok) throw new Error(await whyNot(answer));
  return (await answer.json()) as RejectedPage;
}

type Tried = 'no' | 'busy' | 'taken' | string;

function Rejected({ event }: { event: RejectedEvent }) {
  const [tried, setTried] = useState<Tried>('no');
  const replay = async () => {
    setTried('busy');
    try {
      const answer = await fetch(`/v1/rejected/${event.id}/replay`, { method: 'POST' });
      setTried(answer.ok ? 'taken' : await whyNot(answer));
    } catch (error) {
      setTried(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <li>
      <details>
        <summary>
          <b>{words(event.reason)}</b>
          <span class="raw-line">{rawText(event)}</span>
          <span class="muted when">{moment(event.arrival, Date.now())}</span>
        </summary>
        <p>{event.message}</p>
        <p class="muted">
          {event.partition}, offset {count(event.offset)}, task {event.task}
        </p>
        <pre tabIndex={0} role="region" aria-label="Bytes of the event">
          {rawText(event)}
        </pre>
        <button
          type="button"
          class="small"
          disabled={tried === 'busy' || tried === 'taken'}
          onClick={() => void replay()}
        >
          Replay
        </button>
        <span class="outcome" role="status">
          {tried === 'taken' && ' Taken again; it is counted next.'}
          {tried !== 'no' && tried !== 'busy' && tried !== 'taken' && ` ${tried}`}
        </span>
      </details>
    </li>
  );
}

async function whyNot(answer: Response): Promise<string> {
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  return problem.detail ?? problem.title ?? `the server answered ${answer.status}`;
}
