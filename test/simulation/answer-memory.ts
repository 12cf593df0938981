/**
 * The buffers that answers are read into belong to the process that runs the simulation. What a
 * simulated crash leaves behind a real one would free, so it is given back when a world is over:
 * else later worlds would read elsewhere than a broker's answers are read.
 */
import { isInMemory } from '../../src/code-memory.ts';
import { answerBuffers } from '../../src/sources/kafka/buffers.ts';

const taken = new Set<Buffer>();
const { take, give } = answerBuffers;

answerBuffers.take = (size) => {
  const buffer = take.call(answerBuffers, size);
  taken.add(buffer);
  return buffer;
};

answerBuffers.give = (buffer) => {
  if (!taken.delete(buffer)) throw new Error('a buffer was given back twice');
  give.call(answerBuffers, buffer);
};

/** Nothing of the world runs any more. Throws where answers no longer lie in the memory of code. */
export function giveBackAll(): void {
  for (const buffer of taken) answerBuffers.give(buffer);
  const next = answerBuffers.take(1);
  answerBuffers.give(next);
  if (!isInMemory(next)) throw new Error('buffers of answers were lost');
}
