/** Two processes beside one: by bytes that were fetched before, and with a broker on the cores. */
import { availableParallelism } from 'node:os';
import { startKafka, withoutKafka } from '../../test/support/kafka-cluster.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { EVENTS_PER_WINDOW } from '../event-files.ts';
import { median } from '../measure.ts';
import type { Report } from '../report.ts';
import { inMemory, withBroker } from '../scale.ts';

const PARTITIONS = 4;
const SIZES = {
  full: { turns: 3, rounds: 2, memory: 4_000_000, broker: 5_000_000 },
  quick: { turns: 1, rounds: 1, memory: 1_000_000, broker: 2_000_000 },
};

export async function scale(report: Report, isQuick: boolean): Promise<void> {
  if (availableParallelism() < 2) return report.leaveOut('scale', 'there is only one core');
  const why = withoutKafka() || withoutRedis();
  if (why) return report.leaveOut('scale', why);
  const { turns, rounds, memory, broker } = isQuick ? SIZES.quick : SIZES.full;
  report.title(`Two processes beside one, ${PARTITIONS} + ${PARTITIONS} partitions (wall clock)`);
  const ratio = await compared(report, 'memory', 'bytes fetched before', turns, (processes) =>
    inMemory(processes, memory, PARTITIONS, rounds),
  );
  const load =
    `${memory / 1e6} M events of 137 bytes, ${PARTITIONS} + ${PARTITIONS} partitions, 1 000 ` +
    'products, 1 M a window; checksum, records, decode, windows';
  report.row({
    id: 'scale/memory',
    value: ratio,
    unit: '× the rate',
    bound: { least: 1.8 },
    load,
    against: '2 processes of decode and windows against 1 on two cores, bytes fetched before',
  });
  const kafka = await startKafka({ brokers: 1 });
  try {
    const traffic = { products: 1_000, partitions: PARTITIONS, eventsPerWindow: EVENTS_PER_WINDOW };
    report.title(`The same with broker and Redis on these cores, ${broker / 1e6} M events a round`);
    await compared(report, 'broker', 'broker on the same cores', turns, (processes) =>
      withBroker(kafka.bootstrap, { ...traffic, events: broker }, processes, rounds),
    );
  } finally {
    await kafka.stop();
  }
}

/** One and two in turn; answers how many times one the two are. */
async function compared(
  report: Report,
  key: string,
  name: string,
  turns: number,
  ratesOf: (processes: number) => Promise<number[]>,
): Promise<number> {
  const rates = new Map([1, 2].map((processes) => [processes, [] as number[]]));
  for (let turn = 0; turn < turns; turn++)
    for (const [processes, all] of rates) all.push(...(await ratesOf(processes)));
  const [one, two] = [...rates].map(([processes, samples]) =>
    report.figure({
      id: `scale/${key}-${processes}`,
      what: `${processes} of them, ${name}`,
      samples,
      value: median(samples),
      unit: 'M events/s',
    }),
  );
  report.ratio(`scale/${key}`, `2 processes : 1, ${name}`, two / one);
  return two / one;
}
