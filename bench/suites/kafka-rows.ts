/** What is told of the costs on Kafka: ratios, and the rows that are asked for. */
import { loadOf, type Pair } from '../kafka-fill.ts';
import { median } from '../measure.ts';
import type { Report } from '../report.ts';
import { type Cost, timesOf } from '../slope.ts';

type Lengths = { short: number; long: number };

/** Topics of 1 000 products, and of 100 000, and how many of their events were read. */
export type Measured = {
  report: Report;
  pair: Pair;
  wide: Pair;
  sizes: Record<'ours' | 'perfTest' | 'messageStream' | 'streams' | 'wide', Lengths>;
};
type CostOf = (key: string) => Cost;

/** Ratios with and without starts, and the rows that are asked for. */
export function compared({ report, sizes, pair }: Measured, cost: CostOf): void {
  const ours = cost('engine');
  const row = (
    key: 'message-stream' | 'perf-test' | 'streams',
    against: string,
    least: number,
    { short, long }: Lengths,
  ) => {
    const { value, rounds } = timesOf(cost(key), ours);
    const whole = cost(key).wholePerMillion / ours.wholePerMillion;
    report.ratio(`kafka/${key}`, `${against} : ours`, value);
    report.ratio(`kafka/${key}-whole`, '… starts included', whole);
    const own = `${sizes.ours.short / 1e6} and ${sizes.ours.long / 1e6} M`;
    const load = `${loadOf(pair.long, short, long)} (ours: ${own})`;
    report.row({
      id: `kafka/${key}`,
      against,
      value,
      rounds,
      unit: '× less CPU',
      bound: { least },
      load,
    });
    return load;
  };
  row(
    'message-stream',
    "the client library's message stream + JSON.parse + Map",
    25,
    sizes.messageStream,
  );
  const load = row('streams', 'Kafka Streams, exactly once v2', 20, sizes.streams);
  row('perf-test', 'kafka-consumer-perf-test, which only reads', 3, sizes.perfTest);
  const memory = cost('streams').peakMb / ours.peakMb;
  report.ratio('kafka/streams-memory', 'Kafka Streams, peak memory : ours', memory);
  report.row({
    id: 'kafka/streams-memory',
    against: 'Kafka Streams, peak memory',
    value: memory,
    unit: '× less memory',
    bound: { least: 3 },
    load,
  });
  const ourLoad = loadOf(pair.long, sizes.ours.short, sizes.ours.long);
  peakMemory(report, 'kafka/memory', '1 000 products', ours, 160, ourLoad);
}

function peakMemory(
  report: Report,
  id: string,
  products: string,
  { peakMb, short, long }: Cost,
  mostMb: number,
  load: string,
): void {
  report.row({
    id,
    against: `peak memory, ${products}`,
    value: peakMb,
    unit: 'MB',
    bound: { most: mostMb },
    rounds: [...short, ...long].map((run) => run.peakMb),
    load,
  });
}

/** What everything around decode and window loop costs: fetch, CRC, commit, publish, API. */
export function added(
  { report, sizes, pair }: Measured,
  ours: Cost,
  cores: readonly number[],
): void {
  const value = median(cores);
  const what = 'decode + window loop on the same events in memory';
  report.figure({ id: 'kafka/core', what, value, unit: 'CPU s/M', samples: cores });
  report.row({
    id: 'kafka/added',
    against: 'beside decode + window loop in memory: fetch, CRC, commit, publish, API',
    value: ours.perMillion - value,
    unit: 'CPU s/M',
    bound: { most: 0.1 },
    rounds: ours.rounds.map((cost, n) => cost - cores[n]),
    load: loadOf(pair.long, sizes.ours.short, sizes.ours.long),
  });
  const ratio = value / ours.perMillion;
  report.ratio('kafka/core', 'decode + window loop in memory : clickrate run', ratio);
}

export function producer({ report, pair: { long } }: Measured, cost: CostOf): void {
  const ratio = cost('message-stream').perMillion / long.cpuPerMillion;
  report.ratio('kafka/produce', 'message stream : produce --rate max', ratio);
  report.row({
    id: 'kafka/produce',
    against: 'produce --rate max, for each CPU second of the sending process',
    value: 1 / long.cpuPerMillion,
    unit: 'M events',
    bound: { least: 2 },
    load: loadOf(long, long.events),
  });
}

/** After the short run every product is known: what is left is the steady cost. */
export function manyProducts({ report, sizes, wide }: Measured, cost: CostOf): void {
  const [few, many] = [cost('engine'), cost('engine-100000')];
  report.ratio('kafka/products', '1 000 products : 100 000', few.perMillion / many.perMillion);
  const load = loadOf(wide.long, sizes.wide.short, sizes.wide.long);
  report.row({
    id: 'kafka/products',
    against: '100 000 products against 1 000',
    ...timesOf(many, few),
    unit: '× the CPU',
    bound: { most: 2.5 },
    load,
  });
  const memory = few.peakMb / many.peakMb;
  report.ratio('kafka/products-memory', 'peak memory, 1 000 products : 100 000', memory);
  peakMemory(report, 'kafka/memory-100000', '100 000 products', many, 300, load);
}
