/**
 * `/metrics` of several workers on one port: whoever is asked asks the others by way of the first
 * process. What each knows of the store is told once; what is its own carries its number.
 */
import cluster, { type Worker } from 'node:cluster';

/** A worker that takes longer is left out. */
const WAIT_MS = 1_000;
const OWN = /^clickrate_(http|stream|process)_/;

type Wanted = { kind: 'metrics-wanted'; by: number; id: number; of: number };
type Told = { kind: 'metrics'; by: number; id: number; slot: string; text: string };
type Message = Wanted | Told;

/** In the first process: hands questions and answers on. */
export function relayMetrics(): void {
  // One that has only begun would be waited for.
  const listening = new Set<number>();
  cluster.on('listening', ({ id }: Worker) => void listening.add(id));
  cluster.on('exit', ({ id }: Worker) => void listening.delete(id));
  cluster.on('message', (from: Worker, message: Message) => {
    const workers = Object.values(cluster.workers ?? {}).filter((one) => one !== undefined);
    if (message.kind === 'metrics-wanted') {
      const others = workers.filter(({ id }) => id !== from.id && listening.has(id));
      const told = { ...message, by: from.id, of: others.length };
      for (const other of others) pass(told, other);
      // So that it knows how many to wait for.
      pass(told, from);
    } else if (message.kind === 'metrics') pass(message, cluster.workers?.[message.by]);
  });
}

/** One that is ending takes nothing any more: without a callback that would end this process. */
function pass(message: Message, worker: Worker | undefined): void {
  worker?.send(message, undefined, undefined, () => {});
}

type Text = () => Promise<string>;
type Asked = { texts: Map<string, string>; of: number | null; done(): void };

/** In worker `slot`: gives the text of all from the text of each. */
export function shareMetrics(slot: string): (own: Text) => Text {
  return (own) => {
    const asked = new Map<number, Asked>();
    let ids = 0;
    process.on('message', (message: Message) => {
      if (message.kind === 'metrics') take(asked, message);
      else if (message.kind !== 'metrics-wanted') return;
      else if (message.by === cluster.worker?.id) expect(asked.get(message.id), message.of);
      else void own().then((text) => tell({ ...message, kind: 'metrics', slot, text }));
    });
    return async () => {
      const id = ids++;
      const texts = new Map<string, string>();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WAIT_MS);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        asked.set(id, { texts, of: null, done });
        tell({ kind: 'metrics-wanted', by: 0, id, of: 0 });
      });
      asked.delete(id);
      return merged([[slot, await own()], ...texts]);
    };
  };
}

/** The first process may be gone: then there is nobody to tell. */
function tell(message: Message): void {
  if (process.connected) process.send!(message, undefined, {}, () => {});
}

function expect(question: Asked | undefined, of: number): void {
  if (question === undefined) return;
  question.of = of;
  if (question.texts.size === of) question.done();
}

function take(asked: ReadonlyMap<number, Asked>, { id, slot, text }: Told): void {
  const question = asked.get(id);
  if (question === undefined) return;
  question.texts.set(slot, text);
  if (question.texts.size === question.of) question.done();
}

/** Texts by worker as one; of all but the first only what is the worker's own. */
export function merged(texts: readonly (readonly [string, string])[]): string {
  const groups = new Map<string, { head: string[]; samples: string[] }>();
  for (const [n, [slot, text]] of texts.entries()) {
    let name = '';
    for (const line of text.split('\n').filter(Boolean)) {
      const [, kind, of] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (of !== undefined) name = of;
      if (n > 0 && !OWN.test(name)) continue;
      const group = groups.get(name) ?? { head: [], samples: [] };
      groups.set(name, group);
      if (kind === undefined) group.samples.push(OWN.test(name) ? labelled(line, slot) : line);
      else if (!group.head.includes(line)) group.head.push(line);
    }
  }
  const lines = [...groups.values()].flatMap(({ head, samples }) => [...head, ...samples]);
  return `${lines.join('\n')}\n`;
}

function labelled(sample: string, slot: string): string {
  const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(sample)!;
  const all = labels === undefined || labels === '' ? '' : `${labels},`;
  return `${name}{${all}worker="${slot}"} ${value}`;
}
