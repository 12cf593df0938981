/**
 * What a member asks and tells the coordinator of its group, over the connection that the library's
 * heartbeats go to. Asking for the coordinator ourselves would make the library believe an answer
 * that is out of date by the time of its next heartbeat.
 */
import {
  type Connection,
  type Consumer,
  findErrorBy,
  heartbeatV4,
  offsetCommitV8,
} from '@platformatic/kafka';

/** Offsets by topic and partition. */
export type Offsets = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** Codes that say: you are no member any more. The last: another one has your name. */
const OUT_OF_GROUP = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID'];

/** Resolves where `memberId` is a member, with nothing shared out anew since. */
export async function heartbeat(consumer: Consumer, memberId: string): Promise<void> {
  const { groupId, generationId, groupInstanceId } = consumer;
  const to = await coordinatorOf(consumer);
  await heartbeatV4.api.async(to, groupId, generationId, memberId, groupInstanceId);
}

/** Tells the group how far it has read. */
export async function tell(consumer: Consumer, memberId: string, offsets: Offsets): Promise<void> {
  const { groupId, generationId, groupInstanceId } = consumer;
  const topics = [...offsets].map(([name, partitions]) => ({
    name,
    partitions: [...partitions].map(([partitionIndex, offset]) => ({
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    })),
  }));
  const to = await coordinatorOf(consumer);
  await offsetCommitV8.api.async(to, groupId, generationId, memberId, groupInstanceId, topics);
}

async function coordinatorOf(consumer: Consumer): Promise<Connection> {
  const id = consumer.coordinatorId;
  if (id === null) throw new Error('nobody knows yet who it is now');
  const connection = (await consumer.connectToBrokers([id])).get(id);
  if (connection === undefined) throw new Error('it cannot be reached');
  return connection;
}

export function isOutOfGroup(error: unknown): boolean {
  return OUT_OF_GROUP.some((id) => says(error, id));
}

/** Another process joined under our `--group-instance`. */
export function isNameTaken(error: unknown): boolean {
  return says(error, 'FENCED_INSTANCE_ID');
}

export function isRebalancing(error: unknown): boolean {
  return says(error, 'REBALANCE_IN_PROGRESS');
}

function says(error: unknown, code: string): boolean {
  return findErrorBy(error as Error, 'apiId', code) !== null;
}
