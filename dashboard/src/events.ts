/** The text/event-stream format (WHATWG HTML, section 9.2), as far as the API uses it. */

export type ServerEvent = { name: string; data: string; id: string | null };

/** Takes text in any pieces and gives the events that are complete. */
export class EventParser {
  /** The beginning of a line, in the pieces it came in: a snapshot is one line of megabytes. */
  #rest: string[] = [];
  #name = '';
  #data: string[] = [];
  #id: string | null = null;

  push(text: string): ServerEvent[] {
    const end = text.lastIndexOf('\n');
    if (end === -1) {
      if (text !== '') this.#rest.push(text);
      return [];
    }
    const events: ServerEvent[] = [];
    const lines = (this.#rest.join('') + text.slice(0, end)).replace(/\r$/, '').split(/\r?\n/);
    this.#rest = [text.slice(end + 1)];
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length > 0 || this.#name !== '') events.push(this.#take());
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    // A comment: heartbeats are.
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#name = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id') this.#id = value;
  }

  #take(): ServerEvent {
    const event = { name: this.#name || 'message', data: this.#data.join('\n'), id: this.#id };
    this.#name = '';
    this.#data = [];
    this.#id = null;
    return event;
  }
}
