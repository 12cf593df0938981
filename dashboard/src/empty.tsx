/** No product yet: ways to send the first event. Fills itself when one arrives. */
import { useEffect, useState } from 'preact/hooks';
import { count, duration } from './format.ts';
import { useModel } from './hooks.ts';
import type { Model } from './model.ts';

/** One impression of now, as a shell on any Unix can send it. */
function curlText(): string {
  const event = `{"product_id":"product1","timestamp":$(date +%s)000,"event_type":"impression"}`;
  return (
    `curl ${location.origin}/v1/events \\\n  -H 'content-type: application/json' \\\n` +
    `  -d "${event.replaceAll('"', '\\"')}"`
  );
}

/** Whether this server takes events over HTTP: one that only reads says so in its links. */
function useTakesEvents(): boolean {
  const [takes, setTakes] = useState(false);
  useEffect(() => {
    const ask = async () => {
      const answer = await fetch('/', { headers: { accept: 'application/json' } });
      const { links } = (await answer.json()) as { links?: { events?: string } };
      setTakes(links?.events !== undefined);
    };
    // Whether the server answers at all is said above; without an answer one way less is shown.
    void ask().catch(() => {});
  }, []);
  return takes;
}

export function EmptyState({ model }: { model: Model }) {
  useModel(model);
  const takesEvents = useTakesEvents();
  const received = model.status?.ledger.received ?? 0;
  const { counted = 0, duplicate = 0 } = model.status?.ledger.verdicts ?? {};
  const uncounted = received - counted - duplicate;
  const open = model.open?.windows.reduce((sum, w) => sum + w.impressions + w.clicks, 0) ?? 0;
  return (
    <section class="notice empty" id="empty">
      <h1>No results yet</h1>
      <p>
        A product appears here as soon as its first window closes, some seconds after the window’s
        end. Windows are {duration(model.windowMs)} long. Nothing has to be reloaded.
      </p>
      <p class="state" role="status">
        {received === 0
          ? 'Waiting for the first event.'
          : `${count(received)} ${received === 1 ? 'event' : 'events'} received; ` +
            `${count(open)} counted in windows still open.`}
        {uncounted > 0 && (
          <>
            {' '}
            {count(uncounted)} not counted: <a href="#/pipeline">see why</a>.
          </>
        )}
      </p>
      {takesEvents && (
        <>
          <h2>Send one event</h2>
          <Command text={curlText()} />
        </>
      )}
      <h2>See it with generated traffic</h2>
      <Command text="npm start" />
      <h2>Read from Kafka</h2>
      <Command text="npm run clickrate -- run --source kafka --store redis" />
    </section>
  );
}

function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 2_000);
    } catch {
      // Without a secure context there is no clipboard; the text can be selected.
      setCopied(false);
    }
  };
  return (
    <div class="command">
      <pre>
        <code>{text}</code>
      </pre>
      <button type="button" class="small" onClick={() => void copy()} aria-label={`Copy ${text}`}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}
