/** Sends commits: what the script of `commit-script.ts` is given, and what it answers. */
import type { Limits } from '../../config.ts';
import type { ProductResult } from '../../result.ts';
import { sealPart, sealStatus } from '../../seal.ts';
import type { Commit, CommitAnswer } from '../store.ts';
import { COMMIT } from './commit-script.ts';
import type { Connection } from './connection.ts';
import { type History, historyArguments } from './history.ts';
import { keptArguments, keptLimits, numberText } from './kept.ts';
import { KEYS } from './keys.ts';
import type { Argument } from './line.ts';
import type { Products } from './products.ts';
import { type RowArguments, RowBytes, rowArguments } from './rows.ts';
import type { SentRows } from './sent-rows.ts';
import type { Rows } from './transaction.ts';

export type CommitTerms = {
  writer: string;
  limits: Limits;
  nowMs: number;
  products: Products;
  sent: SentRows;
  /** What was made of the commit before its turn came. */
  prepared?: Prepared;
  /** Where its rows lie, or are put. */
  room: RowBytes;
  /** Told when the script is sent that is answered whatever the products are: the last word. */
  onSent(answered: Promise<string[]>): void;
};

/** The rows of all results; `numbered` where their products' numbers are known beforehand. */
export type Prepared = { rows: RowArguments; numbered: Numbered | null };

/** Results and their products' numbers, null where the script must find them; cells if made. */
type Numbered = { results: ProductResult[]; numbers: number[] | null; history?: History };

/** Makes what takes most of the time before a commit can be sent. */
export function prepared(commit: Commit, products: Products, room: RowBytes): Prepared {
  const { results, status } = commit;
  const numbers = products.known(commit);
  return {
    rows: rowArguments(results, status.settings.windowMs, room),
    numbered: numbers && { results, numbers, history: historyArguments(results, numbers) },
  };
}

/** Sends a commit. What it writes of products of other tasks is left out, as the contract says. */
export async function sendCommit(
  connection: Connection,
  commit: Commit,
  terms: CommitTerms,
): Promise<CommitAnswer> {
  let numbered = terms.prepared?.numbered ?? (await numberedOf(connection, commit, terms.products));
  for (;;) {
    const { args, rows } = commitArguments(commit, numbered, terms);
    const answered = connection.transact<string[]>(COMMIT, args, rows);
    if (numbered.numbers !== null) terms.onSent(answered);
    const [answer, ...rest] = await answered;
    if (answer === 'fenced') return { answer };
    if (answer !== 'unowned') return { answer: answer as 'ok' | 'duplicate', heldElsewhere: rest };
    // Nothing is written yet. Who owns a product may change before the next try: it asks again.
    const unowned = new Set(rest.map(Number));
    numbered = { results: numbered.results.filter((_, i) => !unowned.has(i)), numbers: null };
  }
}

async function numberedOf(
  connection: Connection,
  commit: Commit,
  products: Products,
): Promise<Numbered> {
  const changed = new Set([...commit.removals, ...commit.claims]);
  const known = await products.numbersOf(connection, commit, changed);
  if (known === null) return { results: commit.results, numbers: null };
  if (!known.includes(undefined)) return { results: commit.results, numbers: known as number[] };
  return {
    results: commit.results.filter((_, i) => known[i] !== undefined),
    numbers: known.filter((number) => number !== undefined),
  };
}

/** `ARGV` of the script, in the order that `commit-script.ts` lists. */
function commitArguments(
  commit: Commit,
  { results, numbers, history = historyArguments(results, numbers) }: Numbered,
  terms: CommitTerms,
): { args: Argument[]; rows: Rows[] } {
  const { writer, limits, nowMs } = terms;
  const { windowMs } = commit.status.settings;
  const { latest, previous, without, packed } = rowsOf(commit, results, terms);
  const parts = commit.parts.flatMap(({ name, bytes }) => [name, sealPart(name, bytes)]);
  const removals = [...new Set(commit.removals)];
  const names = numbers === null ? results.map(({ product }) => product) : [];
  const fixed = [
    commit.task,
    String(commit.epoch),
    commit.token,
    String(commit.number),
    writer,
    sealStatus(commit.task, commit.status),
    String(windowMs),
    numberText(limits.historyProducts),
    ...keptLimits(limits, nowMs),
    packed,
    terms.sent.keep(results),
    numbers === null ? '1' : '0',
  ];
  const lengths = [
    ...[removals, commit.claims, results, without, { length: history.windows }].map(lengthOf),
    ...[commit.parts, commit.removedParts, commit.kept, commit.comebacks].map(lengthOf),
  ];
  const args = [...fixed, ...lengths].concat(
    removals,
    commit.claims,
    names,
    without,
    history.args,
    parts,
    commit.removedParts,
    keptArguments(commit),
  );
  const rows = [
    { key: KEYS.latest, fields: latest },
    { key: KEYS.previous, fields: previous },
  ].filter(({ fields }) => fields.count > 0);
  return { args, rows };
}

/** Rows made beforehand stay where they lie: they may be sent once more. */
function rowsOf(
  { results: all, status }: Commit,
  results: readonly ProductResult[],
  { prepared, room }: CommitTerms,
): RowArguments {
  const { windowMs } = status.settings;
  if (prepared === undefined) return rowArguments(results, windowMs, room);
  if (results.length === all.length) return prepared.rows;
  return rowArguments(results, windowMs, new RowBytes());
}

function lengthOf({ length }: { length: number }): string {
  return String(length);
}
