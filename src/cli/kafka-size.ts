/** The Kafka size in one process: engine, store and API, with ingest into Kafka. */
import type { Logger } from 'pino';
import { type DoorOptions, Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { systemClock } from '../clock.ts';
import type { Limits, Options, Settings } from '../config.ts';
import { createJudge } from '../decode/unusable.ts';
import type { RecordSlices } from '../event.ts';
import type { PipelineParts } from '../pipeline.ts';
import { KafkaIngest } from '../sources/kafka/ingest.ts';
import { rejectedWriter } from '../sources/kafka/rejected.ts';
import { Sender } from '../sources/kafka/sender.ts';
import { apiParts } from './api-parts.ts';
import { type EngineOptions, type KafkaEngine, startKafkaEngine } from './kafka-engine.ts';
import { listen } from './listen.ts';
import { limitsOf, openStore, type StoreOptions } from './open-store.ts';
import { OWNER } from './owner.ts';
import type { Running } from './running.ts';

type Own = Pick<Options, 'port' | 'minSample' | 'rejectedTopic'>;

export type KafkaSizeParts = {
  options: EngineOptions & StoreOptions & DoorOptions & Own;
  settings: Settings;
  limits: Limits;
  log: Logger;
  resetWindows: boolean;
  /** Claims although the sink wrote this store. */
  takeOver?: boolean;
  /** Whether events are taken over HTTP and sent to Kafka. */
  takesEvents?: boolean;
  onStep?: PipelineParts['onStep'];
};

/**
 * Starts everything; the port is bound before anything is claimed. Throws `port_in_use`,
 * `config_invalid`, `directory_locked`.
 */
export async function startKafkaSize(parts: KafkaSizeParts): Promise<Running> {
  const { options, settings, limits, log, takeOver = false, takesEvents = true } = parts;
  await using closers = new AsyncDisposableStack();
  const store = openStore({ options, limits, log, writer: 'engine', takeOver });
  closers.defer(() => store.close());
  let engine: KafkaEngine | null = null;
  const judge = createJudge(settings);
  const judgeNow = (records: RecordSlices) => judge(records, systemClock.wallMs());
  const sender = new Sender(options);
  closers.defer(() => sender.close());
  const topics = { impressions: options.impressionsTopic, clicks: options.clicksTopic };
  const ingest = new KafkaIngest(sender, topics, limits);
  const push = (records: RecordSlices) => ingest.push(records);
  const server = await createServer({
    ...apiParts(options, settings, log),
    reader: store,
    limits: limitsOf(options, limits),
    ...(takesEvents ? { push, judge: judgeNow } : {}),
    doors: new Doors(options, takesEvents),
    health: () => engine?.health() ?? [],
    open: (limit) => engine?.openCounts(limit) ?? [],
    owner: OWNER,
    trouble: () => (engine === null ? 'starting' : engine.trouble()),
  });
  closers.defer(() => server.close());
  const url = await listen(server, options);
  const { rejectedTopic } = options;
  const keep = rejectedTopic === '' ? {} : { keep: rejectedWriter(sender, rejectedTopic) };
  engine = startKafkaEngine({ ...parts, store, ...keep });
  closers.defer(engine.stop);
  const started = closers.move();
  const stop = () => started.disposeAsync();
  return { url, store, finished: engine.finished, stop, ...(takesEvents ? { push } : {}) };
}
