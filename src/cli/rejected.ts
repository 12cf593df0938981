/** `clickrate rejected`: what was not counted, to look at, or to send again once it is mended. */
import type { Command } from 'commander';
import { ClickrateError } from '../errors.ts';
import { REASONS } from '../event.ts';
import { type ReadRecord, readTopic } from '../sources/kafka/reader.ts';
import { HEADERS } from '../sources/kafka/rejected.ts';
import { ReplayPosition } from '../sources/kafka/replay-position.ts';
import { Sender } from '../sources/kafka/sender.ts';
import {
  configurationOf,
  type Flags,
  interruption,
  KAFKA_OPTIONS,
  pick,
  withOptions,
} from './command.ts';
import { wholeOf } from './numbers.ts';

/** Records sent again in one call; its end is remembered after each. */
const CALL_RECORDS = 1_000;

const LIST_OPTIONS = { ...KAFKA_OPTIONS, ...pick('rejectedTopic') };
const REPLAY_OPTIONS = { ...LIST_OPTIONS, ...pick('group') };

export function addRejected(rejected: Command): void {
  withReason(withOptions(rejected.command('list'), LIST_OPTIONS))
    .description('print each with its reason and origin, one a line')
    .option('--max <n>', 'end after so many', wholeOf(0))
    .action(list);
  withReason(withOptions(rejected.command('replay'), REPLAY_OPTIONS))
    .description('send original bytes to the topic they came from, behind the last replay')
    .option('--again', 'from the beginning, also what was replayed before')
    .addHelpText(
      'after',
      `
A replayed event is judged anew: one that was too late is too late again, unless the engine
starts without a checkpoint; one that a newer version can read is counted.`,
    )
    .action(replay);
}

function withReason(command: Command): Command {
  return command.option('--reason <reason>', `only these: ${REASONS.join(', ')}`);
}

/** Where an event came from: its partition as `clicks-0`, and its offset there. */
type Origin = { partition: string; offset: number };

/** Null of a record that is somebody else's. */
function originOf({ headers }: ReadRecord): Origin | null {
  const [topic, partition] = [headers[HEADERS.topic], headers[HEADERS.partition]];
  const offset = Number(headers[HEADERS.offset]);
  if (topic === undefined || partition === undefined || !Number.isSafeInteger(offset)) return null;
  return { partition: `${topic}-${partition}`, offset };
}

/**
 * Origins that were seen: a crash of the engine may have written one twice, and what is read again
 * after a lost store comes long afterwards. As numbers, since a topic has millions.
 */
class Origins {
  readonly #seen = new Map<string, Set<number>>();

  isNew({ partition, offset }: Origin): boolean {
    const seen = this.#seen.get(partition) ?? new Set();
    if (seen.has(offset)) return false;
    this.#seen.set(partition, seen.add(offset));
    return true;
  }
}

function reasonOf(flags: Flags): string | null {
  if (flags.reason === undefined) return null;
  const reason = String(flags.reason);
  if (!(REASONS as string[]).includes(reason))
    throw new ClickrateError('usage', `--reason must be one of ${REASONS.join(', ')}`);
  return reason;
}

function topicOf(rejectedTopic: string): string {
  if (rejectedTopic === '')
    throw new ClickrateError('usage', 'there is no topic of rejected events (--rejected-topic)');
  return rejectedTopic;
}

async function list(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, LIST_OPTIONS);
  const reason = reasonOf(flags);
  const topic = topicOf(options.rejectedTopic);
  let left = flags.max === undefined ? Number.POSITIVE_INFINITY : Number(flags.max);
  if (left <= 0) return;
  const plan = { topic, from: 'earliest', toEnd: true, signal: interruption() } as const;
  for await (const line of linesOf(readTopic(options, plan), reason)) {
    process.stdout.write(`${line}\n`);
    if (--left <= 0) return;
  }
}

/** As JSON, those of a reason (null: of any); without reason and origin where it is not ours. */
export async function* linesOf(
  records: AsyncIterable<ReadRecord>,
  reason: string | null,
): AsyncGenerator<string> {
  const origins = new Origins();
  for await (const record of records) {
    const { headers, value } = record;
    if (reason !== null && headers[HEADERS.reason] !== reason) continue;
    const origin = originOf(record);
    if (origin !== null && !origins.isNew(origin)) continue;
    // As JSON a time, or null where there is none.
    const at = new Date(Number(headers[HEADERS.arrival]));
    const offset = headers[HEADERS.offset];
    const line = { reason: headers[HEADERS.reason], origin: origin?.partition ?? null, offset, at };
    const { message } = headers;
    yield JSON.stringify({ ...line, message, text: value.toString() });
  }
}

async function replay(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, REPLAY_OPTIONS);
  const reason = reasonOf(flags);
  const topic = topicOf(options.rejectedTopic);
  const position = new ReplayPosition(options, topic, reason === null ? REASONS : [reason]);
  const sender = new Sender(options);
  try {
    if (flags.again !== true) await position.read();
    const plan = { topic, from: 'earliest', toEnd: true, signal: interruption() } as const;
    const how = { reason, position, sender };
    const { sent, passed, cut } = await sendAgain(readTopic(options, plan), how);
    const left = cut > 0 ? `, ${cut} left out: too long to be kept whole` : '';
    process.stderr.write(`${sent} sent again, ${passed} passed over${left}\n`);
  } finally {
    await sender.close();
    await position.close();
  }
}

type Replay = { reason: string | null; position: ReplayPosition; sender: Sender };

/** Sends those of a reason (null: of any) that are not done yet, in the order they come. */
export async function sendAgain(
  records: AsyncIterable<ReadRecord>,
  { reason, position, sender }: Replay,
): Promise<{ sent: number; passed: number; cut: number }> {
  const origins = new Origins();
  const counts = { sent: 0, passed: 0, cut: 0 };
  let waiting: ReadRecord[] = [];
  const flush = async () => {
    await sender.send(waiting.map(outgoing));
    counts.sent += waiting.length;
    waiting = [];
    // After the brokers have them: a crash between the two sends some again, and loses none.
    await position.remember();
  };
  for await (const record of records) {
    const { partition, offset, headers } = record;
    const its = headers[HEADERS.reason];
    const origin = originOf(record);
    const isNew = origin !== null && origins.isNew(origin);
    const isOpen = isNew && !position.isDone(its, partition, offset);
    if (!isOpen || (reason !== null && its !== reason)) counts.passed++;
    else if (headers[HEADERS.cutFrom] !== undefined) counts.cut++;
    else waiting.push(record);
    position.pass(partition, offset + 1);
    if (waiting.length >= CALL_RECORDS) await flush();
  }
  await flush();
  return counts;
}

function outgoing({ key, value, headers }: ReadRecord) {
  return { topic: headers[HEADERS.topic], key, value };
}
