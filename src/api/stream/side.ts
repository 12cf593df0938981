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

/** What a reader that joins is told was made at most so long ago: ages in it are of then. */
const FRESH_MS = 100;
/** Members that change by themselves as time goes by: they alone are no news. */
const VOLATILE = /"(age_ms|lag_ms|commit_age_ms|at)":(null|-?\d+),?/g;

export class SideEvents {
  readonly #context: Context;
  #status: Buffer = Buffer.alloc(0);
  #statusKey = '';
  /** A reader that has heard nothing has 0. */
  #statusVersion = 1;
  #open: Buffer = Buffer.alloc(0);
  #openKey = '';
  #openVersion = 0;
  #lookedAtMs = -Infinity;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Makes both anew, and sees whether they are news for those who have the last ones. */
  look(): void {
    const { open, watch } = this.#context;
    this.#lookedAtMs = this.#nowMs();
    const status = this.#statusText();
    this.#status = sideEvent('status', status);
    // With a commit the age of the last one begins anew, which a reader cannot know by itself.
    const commits = watch.now().tasks.map(({ health }) => health?.commits ?? 0);
    const statusKey = `${commits} ${status.replace(VOLATILE, '')}`;
    if (statusKey !== this.#statusKey) this.#statusVersion++;
    this.#statusKey = statusKey;
    if (!open.available) return;
    const text = open.text();
    this.#open = sideEvent('open', text);
    const openKey = text.replace(VOLATILE, '');
    if (openKey !== this.#openKey) this.#openVersion++;
    this.#openKey = openKey;
  }

  /** What of it a reader has not got yet; null when it has all. */
  next(reader: StreamReader): Buffer[] | null {
    const isNew =
      reader.openVersion !== this.#openVersion || reader.statusVersion !== this.#statusVersion;
    if (isNew && this.#nowMs() - this.#lookedAtMs > FRESH_MS) this.look();
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

  #nowMs(): number {
    return this.#context.parts.clock.monotonicMs();
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
