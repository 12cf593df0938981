/**
 * Kafka and Redis for real, on topics filled beforehand; CPU of the reading process alone. Ours has
 * everything on: fence, ledger, checkpoint each second, Redis, API. Beside it what one would use
 * instead, on the same topics.
 */
import { startKafka, withoutKafka } from '../../test/support/kafka-cluster.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { engine, messageStream, type ReadSample } from '../kafka.ts';
import { type Filled, fill } from '../kafka-fill.ts';
import { median } from '../measure.ts';
import { benchPath } from '../path.ts';
import { peerJars, perfTest, streams } from '../peers/java.ts';
import type { Report } from '../report.ts';

const PARTITIONS = 3;
const SIZES = {
  full: { runs: 5, events: 10_000_000, peerEvents: 3_000_000, wide: 5_000_000 },
  quick: { runs: 1, events: 3_000_000, peerEvents: 1_000_000, wide: 2_000_000 },
};
const UNIT = 'CPU s/M';

type Cost = { cpu: number; peakMb: number };

export async function kafka(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutRedis() || withoutPeers();
  if (why) return report.leaveOut('kafka', why);
  const { runs, events, peerEvents, wide } = isQuick ? SIZES.quick : SIZES.full;
  const cluster = await startKafka({ brokers: 1 });
  const { bootstrap } = cluster;
  const traffic = { events, partitions: PARTITIONS, products: 1_000, rate: 100_000 };
  try {
    const filled = await fill(bootstrap, traffic);
    report.title(
      `Kafka: ${filled.records.toLocaleString('en')} events of some 137 bytes, 1 000 products, a ` +
        `million a window, ${PARTITIONS} + ${PARTITIONS} partitions, uncompressed, one broker; ` +
        `medians of ${runs}`,
    );
    const measured = async (key: string, what: string, run: (n: number) => Promise<ReadSample>) => {
      const samples: ReadSample[] = [];
      for (let n = 0; n < runs; n++) samples.push(await run(n));
      return told(report, `kafka/${key}`, what, samples);
    };
    const topics = [filled.impressions, filled.clicks];
    const ours = await measured('engine', 'clickrate run, everything on', () =>
      engine(bootstrap, filled),
    );
    const stream = await measured('message-stream', 'message stream + JSON.parse + Map', () =>
      messageStream(bootstrap, filled, peerEvents),
    );
    const perf = await measured('perf-test', 'kafka-consumer-perf-test, its start counted', () =>
      perfTest(bootstrap, filled.impressions, peerEvents),
    );
    const java = await measured(
      'streams',
      'Kafka Streams, exactly once (v2), one thread',
      async (n) => {
        const results = `streams-results-${process.pid}-${n}`;
        await cluster.createTopics([results], PARTITIONS);
        return await streams(bootstrap, topics, results, peerEvents);
      },
    );
    report.ratio('kafka/message-stream', 'message stream : ours', stream.cpu / ours.cpu);
    report.ratio('kafka/perf-test', 'kafka-consumer-perf-test : ours', perf.cpu / ours.cpu);
    report.ratio('kafka/streams', 'Kafka Streams : ours', java.cpu / ours.cpu);
    report.ratio('kafka/streams-memory', 'its memory : ours', java.peakMb / ours.peakMb);
    await added(report, ours);
    producer(report, filled);
    const many = await fill(bootstrap, { ...traffic, events: wide, products: 100_000 });
    const other = await measured('engine-100000', 'clickrate run, 100 000 products', () =>
      engine(bootstrap, many),
    );
    report.ratio('kafka/products', '1 000 products : 100 000', ours.cpu / other.cpu);
  } finally {
    await cluster.stop();
  }
}

function withoutPeers(): string | false {
  try {
    peerJars();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

function told(report: Report, id: string, what: string, samples: readonly ReadSample[]): Cost {
  const cpu = median(samples.map(({ cpuPerMillion }) => cpuPerMillion));
  const peakMb = Math.max(...samples.map((sample) => sample.peakMb));
  const steady = samples
    .map(({ steadyPerMillion }) => steadyPerMillion)
    .filter((n) => n !== undefined);
  const warm = steady.length > 0 ? `, ${median(steady).toFixed(2)} once compiled` : '';
  report.figure({ id, what, value: cpu, unit: UNIT, more: `${peakMb.toFixed(0)} MB${warm}` });
  report.figures.push({
    id: `${id}/peak`,
    what: `${what}, peak memory`,
    value: peakMb,
    unit: 'MB',
  });
  return { cpu, peakMb };
}

/** What everything around decode and engine costs: fetch, CRC, commit, publish, API. */
async function added(report: Report, ours: Cost): Promise<void> {
  const core = (await benchPath(1_000_000, 1_000, 3)).find(({ key }) => key === 'core');
  const value = ours.cpu - (core?.cpuPerMillion ?? Number.NaN);
  const what = 'of which not decode and engine on the same events in memory';
  report.figure({ id: 'kafka/added', what, value, unit: UNIT });
}

function producer(report: Report, { cpuPerMillion }: Filled): void {
  const what = 'produce --rate max, its process';
  const more = `${(1 / cpuPerMillion).toFixed(2)} M events a CPU second`;
  report.figure({ id: 'kafka/produce', what, value: cpuPerMillion, unit: UNIT, more });
}
