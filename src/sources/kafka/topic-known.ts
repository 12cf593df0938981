/**
 * The controller answers that a topic is made before the brokers have heard of it: for as long as
 * they make other topics' partitions, whoever asks them is told that there is none.
 */
import { Admin } from '@platformatic/kafka';
import { systemClock } from '../../clock.ts';
import { ClickrateError } from '../../errors.ts';
import { clientOptions, type KafkaOptions } from './client.ts';

const WITHIN_MS = 30_000;
const ASK_AGAIN_MS = 50;

/**
 * Resolves when every broker of `addresses` (host:port) knows the topics with at least so many
 * partitions, and a leader of each. Rejects with `source_unavailable` after 30 s.
 */
export async function topicsKnown(
  options: KafkaOptions,
  addresses: readonly string[],
  topics: readonly string[],
  partitions: number,
): Promise<void> {
  const untilMs = Date.now() + WITHIN_MS;
  for (const address of addresses) {
    const admin = new Admin({
      ...clientOptions(options),
      bootstrapBrokers: [address],
      retries: 0,
    });
    admin.on('error', () => {});
    try {
      while (!(await knows(admin, topics, partitions))) {
        if (Date.now() > untilMs) throw notHeard(address, topics);
        await systemClock.sleep(ASK_AGAIN_MS);
      }
    } finally {
      await admin.close().catch(() => {});
    }
  }
}

async function knows(admin: Admin, names: readonly string[], partitions: number): Promise<boolean> {
  try {
    const { topics } = await admin.metadata({ topics: [...names], forceUpdate: true });
    return names.every((name) => {
      const topic = topics.get(name);
      if (topic === undefined || topic.partitionsCount < partitions) return false;
      return topic.partitions.every(({ leader }) => leader >= 0);
    });
  } catch {
    // An unknown topic, or a broker that is away for a moment: both are asked again.
    return false;
  }
}

function notHeard(address: string, topics: readonly string[]): ClickrateError {
  const names = topics.join(', ');
  return new ClickrateError(
    'source_unavailable',
    `${names}: made, but broker ${address} does not know of it after ${WITHIN_MS / 1000} s`,
  );
}
