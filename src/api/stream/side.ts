/**
 * What the stream says beside changes, at most each second and only when it is new: the pipeline's
 * status, and the open windows. A reader gets only the newest of each.
 */
import { freshnessText } from '../freshness.ts';
import { counted, totalOf } from '../ledger.ts';
import type { Context } from '../parts.ts';
import { taskTimes } from '../time-routes.ts';
import type { StreamReader } from './reader.ts';
import { sideEvent } from './texts.ts';

/** Members that change by themselves as time goes by: they alone are no news. */
const VOLATILE = /"(age_ms|lag_ms|commit_age_ms|at)":(null|-?\d+),?/g;

export class SideEvents {
  readonly #context: Context;
  #status: Buffer = Buffer.alloc(0);
  #statusKey = '';
  #statusVersion = 0;
  #open: Buffer = Buffer.alloc(0);
  #openKey = '';
  #openVersion = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks whether there is news. */
  look(): void {
    const status = this.#statusText();
    const statusKey = status.replace(VOLATILE, '');
    if (statusKey !== this.#statusKey) {
      this.#statusKey = statusKey;
      this.#status = sideEvent('status', status);
      this.#statusVersion++;
    }
    const { open } = this.#context;
    if (!open.available) return;
    const text = open.text();
    const openKey = text.replace(VOLATILE, '');
    if (openKey === this.#openKey) return;
    this.#openKey = openKey;
    this.#open = sideEvent('open', text);
    this.#openVersion++;
  }

  /** What of it a reader has not got yet; null when it has all. */
  next(reader: StreamReader): Buffer[] | null {
    const news: Buffer[] = [];
    if (reader.openVersion !== this.#openVersion) {
      const { filter } = reader;
      news.push(filter === null ? this.#open : sideEvent('open', this.#context.open.text(filter)));
    }
    if (reader.statusVersion !== this.#statusVersion) news.push(this.#status);
    reader.openVersion = this.#openVersion;
    reader.statusVersion = this.#statusVersion;
    return news.length === 0 ? null : news;
  }

  #statusText(): string {
    const { parts, watch } = this.#context;
    const { tasks } = watch.now();
    const ledgers = tasks.flatMap(({ status }) => (status === null ? [] : [status.ledger]));
    const ledger = JSON.stringify(counted(totalOf(ledgers)));
    return (
      `{"freshness":${freshnessText(this.#context)},"ledger":${ledger},` +
      `"events_per_second":${watch.eventsPerSecond},` +
      `"tasks":${JSON.stringify(taskTimes(parts, tasks, parts.clock.wallMs()))}}`
    );
  }
}
