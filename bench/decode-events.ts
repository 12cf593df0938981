/** Events in the original demo's JSON, as one batch of records; the same ones in every run. */
import { type RecordBatch, recordsOf } from '../src/event.ts';

export const FIRST_TIME = 1_760_000_000_000;

/** Numbers in [0, below), from a linear congruence: even enough, and the same everywhere. */
function numbers(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

/** `count` events of about 135 bytes, nine impressions to a click, a millisecond apart. */
export function originalEvents(count: number, products: number): RecordBatch {
  const next = numbers();
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    const type = next(10) === 0 ? 'click' : 'impression';
    texts.push(
      `{"user_id": "user_${next(1_000)}", "product_id": "product${1 + next(products)}", ` +
        `"timestamp": ${FIRST_TIME + i}, "event_type": "${type}", ` +
        `"session_id": "session_${next(10_000)}"}`,
    );
  }
  return recordsOf(texts, FIRST_TIME + count);
}
