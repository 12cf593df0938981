/** A session of Flink's SQL Gateway (REST, v2): one statement at a time, errors as a sentence. */
import { ClickrateError } from '../errors.ts';
import { parsed, pause, type RestAnswer, request } from './rest.ts';

/** How long a statement may take. */
const STATEMENT_MS = 120_000;
const LOOK_MS = 50;

type Result = {
  resultType: 'NOT_READY' | 'PAYLOAD' | 'EOS';
  jobID?: string;
  results?: { data: { fields: unknown[] }[] };
  nextResultUri?: string;
};

export type Outcome = { jobId: string | null; rows: unknown[][] };

export class GatewaySession {
  readonly #url: string;
  readonly #handle: string;

  private constructor(url: string, handle: string) {
    this.#url = url;
    this.#handle = handle;
  }

  /**
   * Rejects with `flink_unavailable` when the gateway does not answer, and with `flink_failed` when
   * it refuses, or is none.
   */
  static async open(url: string, properties: Record<string, string>): Promise<GatewaySession> {
    const base = url.replace(/\/$/, '');
    const answer = parsed(await ask(base, 'POST', '/v2/sessions', { properties }));
    return new GatewaySession(base, (answer as { sessionHandle: string }).sessionHandle);
  }

  /** Runs a statement to its end. Rejects with `flink_failed` and the line that is wrong. */
  async run(statement: string): Promise<Outcome> {
    try {
      return await this.#run(statement);
    } catch (error) {
      if (!(error instanceof GatewayFailure)) throw error;
      throw new ClickrateError('flink_failed', sentenceOf(error.message, statement));
    }
  }

  async #run(statement: string): Promise<Outcome> {
    const path = `/v2/sessions/${this.#handle}`;
    const begun = await call(this.#url, 'POST', `${path}/statements`, { statement });
    const { operationHandle } = begun as { operationHandle: string };
    const outcome: Outcome = { jobId: null, rows: [] };
    let next = `${path}/operations/${operationHandle}/result/0?rowFormat=JSON`;
    for (const untilMs = Date.now() + STATEMENT_MS; Date.now() < untilMs; ) {
      const result = (await call(this.#url, 'GET', next)) as Result;
      if (result.resultType === 'NOT_READY') {
        await pause(LOOK_MS);
        continue;
      }
      outcome.jobId ??= result.jobID ?? null;
      outcome.rows.push(...(result.results?.data ?? []).map(({ fields }) => fields));
      if (result.resultType === 'EOS' || result.nextResultUri === undefined) return outcome;
      next = result.nextResultUri;
    }
    throw new ClickrateError('flink_unavailable', `Flink took longer than ${STATEMENT_MS} ms`);
  }

  async close(): Promise<void> {
    await call(this.#url, 'DELETE', `/v2/sessions/${this.#handle}`).catch(() => {});
  }
}

/** What the gateway said no to: its own words, a stack trace as a rule. */
class GatewayFailure extends Error {}

async function call(base: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await ask(base, method, path, body);
  if (!answer.isOk) throw new GatewayFailure(answer.text);
  return parsed(answer);
}

function ask(base: string, method: string, path: string, body?: unknown): Promise<RestAnswer> {
  return request('SQL Gateway', base, method, path, body);
}

/** The innermost cause, and the line of the statement that it names. */
export function sentenceOf(answer: string, statement: string): string {
  const text = answer.replaceAll('\\n', '\n').replaceAll('\\t', ' ').replaceAll('\\"', '"');
  const causes = [...text.matchAll(/Caused by: ([\w.$]+)(?:: ([^\n]+))?/g)];
  const cause = causes.findLast(([, , said]) => said !== undefined);
  const said = cause?.[2] ?? text.match(/([\w.]+(?:Exception|Error)): ([^\n]+)/)?.[2] ?? text;
  const line = Number(
    text
      .match(/[Aa]t line (\d+)|from line (\d+)/)
      ?.slice(1)
      .find(Boolean),
  );
  const shown = statement.split('\n')[Number.isNaN(line) ? 0 : line - 1] ?? '';
  return `Flink says: ${said.trim().slice(0, 500)} (SQL: ${shown.trim().slice(0, 200)})`;
}
