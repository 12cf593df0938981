/** The faults of a soak: each begins, lasts, and is over when its promise resolves. */
import type { Engine } from '../kafka/engines.ts';
import { pause } from '../kafka/setup.ts';
import type { KafkaTestCluster } from '../support/kafka-cluster.ts';
import type { Child } from '../support/processes.ts';
import type { Random } from '../support/random.ts';
import type { Redis } from '../support/redis-server.ts';
import type { Readers } from './readers.ts';

export type World = {
  cluster: KafkaTestCluster;
  redis: Redis;
  readers: Readers;
  /** The engine that faults hit; the other is watched. */
  victim: Engine;
  startVictim(): Promise<Engine>;
  producer: Child;
  /** A second producer, at so many times the rate. */
  startProducer(times: number): Child;
  random: Random;
};

export type Fault = {
  name: string;
  /** Whether the engine that is watched must say meanwhile that it is not ready. */
  isSeen: boolean;
  act(world: World): Promise<void>;
};

const signal = (child: Child, name: NodeJS.Signals) => process.kill(child.process.pid!, name);

async function asleep(child: Child, ms: number): Promise<void> {
  signal(child, 'SIGSTOP');
  await pause(ms);
  signal(child, 'SIGCONT');
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'Redis is killed for 6 s',
    isSeen: true,
    act: async ({ redis }) => {
      await redis.kill();
      await pause(6_000);
      await redis.restart();
    },
  },
  {
    name: 'an engine is killed',
    isSeen: false,
    act: async (world) => {
      await world.victim.kill('SIGKILL');
      await pause(3_000);
      world.victim = await world.startVictim();
    },
  },
  {
    name: 'ten times the events for 5 s',
    isSeen: false,
    act: async ({ startProducer }) => {
      const burst = startProducer(10);
      await pause(5_000);
      await burst.kill('SIGTERM');
    },
  },
  {
    name: 'a broker is killed for 5 s',
    isSeen: false,
    act: async ({ cluster, random }) => {
      const broker = random.pick(cluster.brokers);
      await broker.kill();
      await pause(5_000);
      await broker.start();
    },
  },
  {
    name: 'Redis hangs for 10 s',
    isSeen: true,
    act: async ({ redis }) => {
      redis.pause();
      await pause(10_000);
      redis.resume();
    },
  },
  {
    name: 'an engine sleeps for 15 s and wakes',
    isSeen: false,
    act: ({ victim }) => asleep(victim, 15_000),
  },
  {
    name: 'Redis takes no writes for 5 s',
    isSeen: false,
    act: async ({ redis }) => {
      redis.cli('CLIENT', 'PAUSE', '5000', 'WRITE');
      await pause(5_000);
    },
  },
  {
    name: 'a broker hangs for 8 s',
    isSeen: false,
    act: async ({ cluster, random }) => {
      const broker = random.pick(cluster.brokers);
      broker.pause();
      await pause(8_000);
      broker.resume();
    },
  },
  {
    name: 'all readers leave and come back',
    isSeen: false,
    act: async ({ readers }) => {
      readers.leave();
      await pause(2_000);
      readers.come();
    },
  },
  {
    name: 'the producer sleeps for 10 s',
    isSeen: false,
    act: ({ producer }) => asleep(producer, 10_000),
  },
];
