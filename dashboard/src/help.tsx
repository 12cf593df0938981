/** What the keys do. */
import { useEffect, useRef } from 'preact/hooks';

const KEYS: readonly [string[], string][] = [
  [['/'], 'search products'],
  [['j', 'k'], 'next and previous product'],
  [['Enter'], 'open the product'],
  [['Esc'], 'clear the search, or go back'],
  [['?'], 'this help'],
];

export function HelpDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="help-title">
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {KEYS.map(([keys, text]) => (
          <div key={text}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <h2>What the marks mean</h2>
      <ul class="marks">
        <li>
          <b>▲ ▼ with *</b>: the rate differs from the window before, and chance is not a likely
          reason: two-proportion test, false discovery rate 5 % over the products shown.
        </li>
        <li>
          <b>95 % interval</b>: where the true rate lies, as far as so many impressions can tell
          (Wilson).
        </li>
        <li>
          <b>few views</b>: too few impressions to rank by the rate; ranked by the lower end of the
          interval.
        </li>
        <li>
          <b>✓ final</b>: no late event can change the window any more. <b>… provisional</b>: one
          still may.
        </li>
      </ul>
      <p>
        Everything here comes from the API; <a href="/docs">its documentation</a> lets you try it.
      </p>
      <form method="dialog">
        <button type="submit" class="small" autofocus>
          Close
        </button>
      </form>
    </dialog>
  );
}
