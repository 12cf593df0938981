/** Single stages of the engine: window loop, deduplication, checkpoints. */
import { median } from '../measure.ts';
import type { Report } from '../report.ts';
import { parsing, type Stages, type StagesOptions, stagesApart } from '../stages.ts';

/** A checkpoint a second is taken behind so many events: more than one process reads a second. */
const EVENTS_A_SECOND = 2_000_000;
const UNIT = 'CPU s/M';

export async function engine(report: Report, isQuick: boolean): Promise<void> {
  const [rounds, events] = isQuick ? [1, 1_000_000] : [5, 3_000_000];
  const millions = `${events / 1e6} M events of 137 bytes, 1 M a window, behind the first half`;
  report.title(`Stages of the engine, each pass in a process of its own: ${millions}`);
  const times = (options: Omit<StagesOptions, 'events'>) =>
    Array.from({ length: rounds }, () => stagesApart({ ...options, events }));
  const told = (id: string, what: string, all: readonly Stages[], of: keyof Stages, unit = UNIT) =>
    report.figure({
      id: `engine/${id}`,
      what,
      unit,
      value: median(all.map((one) => one[of])),
      samples: all.map((one) => one[of]),
    });
  const plains = Array.from({ length: rounds }, () => parsing(Math.round(events / 3)));
  const few = times({ products: 1_000, ids: false });
  const decode = told('decode-1000', 'decode, 1 000 products', few, 'decode');
  const loop = told('windows-1000', 'window loop, 1 000 products', few, 'apply');
  const wide = { products: 100_000, ids: false, snapshotEvery: EVENTS_A_SECOND / 2 };
  const many = times(wide);
  told('decode-100000', 'decode, 100 000 products', many, 'decode');
  const wideLoop = told('windows-100000', 'window loop, 100 000 products', many, 'apply');
  report.ratio('engine/products', 'window loop, 1 000 products : 100 000', loop / wideLoop);
  const snapshot = told('snapshot', 'a checkpoint of 100 000 products', many, 'snapshot', 'CPU s');
  const unique = times({ products: 1_000, ids: true });
  const ids = told('ids', 'window loop + deduplication, every id new', unique, 'apply');
  // The largest: what an earlier round left behind and is collected meanwhile only makes it less.
  const held = unique.map((one) => one.idsMb);
  const memory = { id: 'engine/ids-memory', what: 'memory for a million ids', unit: 'MB' };
  report.figure({ ...memory, value: Math.max(...held), samples: held });
  const load = `${millions}, 1 000 products`;
  const plain = {
    id: 'engine/plain',
    what: 'JSON.parse + Map of Maps, 1 000 products',
    unit: UNIT,
  };
  const parsed = report.figure({ ...plain, value: median(plains), samples: plains });
  report.ratio('engine/decode', 'the Map : decode', parsed / decode);
  report.ratio('engine/windows', 'the Map : window loop', parsed / loop);
  report.ratio('engine/ids', 'the Map : window loop + deduplication', parsed / ids);
  const rates = (all: readonly Stages[]) => all.map(({ apply }) => 1 / apply);
  report.row({
    id: 'engine/windows',
    against: 'window loop, for each CPU second',
    value: 1 / loop,
    unit: 'M events',
    bound: { least: 40 },
    load,
    rounds: rates(few),
  });
  report.row({
    id: 'engine/ids',
    against: 'deduplication by id, for each CPU second',
    value: 1 / ids,
    unit: 'M events',
    bound: { least: 5 },
    load,
    rounds: rates(unique),
  });
  report.row({
    id: 'engine/snapshot',
    against: 'checkpoints, of each CPU second',
    value: snapshot * 100,
    unit: '%',
    bound: { most: 5 },
    rounds: many.map((one) => one.snapshot * 100),
    load: '100 000 products, all changed, one checkpoint a second',
  });
}
