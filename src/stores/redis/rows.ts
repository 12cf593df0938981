/**
 * What a commit writes of its results: each as the original demo's clients read it, and once more
 * packed into one text for the stream of changes. Text is put together by hand, in one pass: a
 * closing of 100 000 products spends its time here.
 */
import { type Counts, ctr, type ProductResult } from '../../result.ts';

export type RowArguments = {
  /** Product and result in turn. */
  latest: string[];
  previous: string[];
  /** Products without a previous window. */
  without: string[];
  /** All rows, as `changeOf` reads them: product, then start, impressions, clicks of one or two. */
  packed: string;
};

export function rowArguments(results: readonly ProductResult[], windowMs: number): RowArguments {
  const args: RowArguments = { latest: [], previous: [], without: [], packed: '' };
  let packed = '';
  for (const { product, latest, previous } of results) {
    const quoted = JSON.stringify(product);
    args.latest.push(product, resultText(quoted, latest, windowMs));
    packed += `${packed === '' ? '' : ','}[${quoted},${countsText(latest)}`;
    if (previous === null) args.without.push(product);
    else {
      args.previous.push(product, resultText(quoted, previous, windowMs));
      packed += `,${countsText(previous)}`;
    }
    packed += ']';
  }
  args.packed = `[${packed}]`;
  return args;
}

/** The same text as `JSON.stringify(resultOf(…))`. */
function resultText(quoted: string, counts: Counts, windowMs: number): string {
  const { start, impressions, clicks } = counts;
  const rate = ctr(impressions, clicks) ?? 0;
  return (
    `{"product_id":${quoted},"ctr":${rate},"impressions":${impressions},"clicks":${clicks},` +
    `"window_start":${start},"window_end":${start + windowMs}}`
  );
}

function countsText({ start, impressions, clicks }: Counts): string {
  return `${start},${impressions},${clicks}`;
}
