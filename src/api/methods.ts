/** What no route takes: 404 where there is no such path, 405 with `Allow` where there is. */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { ClickrateError } from '../errors.ts';
import { send } from './answer.ts';
import type { Context } from './parts.ts';
import { ProblemError } from './problem-error.ts';

/** Which methods each path takes, learned as routes are added. */
export class Methods {
  /** Of the server as a whole (`OPTIONS *`) nothing else can be asked. */
  readonly #known = new Map([['*', { path: /^\*$/, methods: new Set(['OPTIONS']) }]]);

  add({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    if (url === '*') return;
    let known = this.#known.get(url);
    if (known === undefined) {
      known = { path: pathPattern(url), methods: new Set(['OPTIONS']) };
      this.#known.set(url, known);
    }
    for (const name of [method].flat()) known.methods.add(name.toUpperCase());
  }

  /** Methods of the path, for `Allow`; null where there is no such path. */
  allowed(path: string): string | null {
    const methods = [...this.#known.values()]
      .filter((known) => known.path.test(path))
      .flatMap((known) => [...known.methods]);
    return methods.length === 0 ? null : [...new Set(methods)].sort().join(', ');
  }
}

/** A target as a path: a client of a proxy names the scheme and the host too (RFC 9112, 3.2.2). */
export function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?]*\/?/i, '/');
}

/** `/ctr/:product_id` and `/static/*` as expressions over an undecoded path. */
function pathPattern(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:\w+/g, '[^/]+')
    .replace(/\*/g, '.*');
  return new RegExp(`^${source}$`);
}

/** Answers what reached no route; called before a body is read. */
function answerUnrouted(
  context: Context,
  methods: Methods,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const path = request.url.split('?', 1)[0]!;
  const allow = methods.allowed(path);
  // A method that is taken comes here only when its route found nothing, or refused the path.
  const taken = request.method !== 'OPTIONS' && allow?.split(', ').includes(request.method);
  if (allow === null || taken) throw new ClickrateError('not_found', nothingText(context, request));
  if (request.method !== 'OPTIONS')
    throw new ProblemError(
      'method_not_allowed',
      `this path takes ${allow}, not ${request.method}`,
      {},
      ['allow', allow],
    );
  send(context, request, reply, 204, ['allow', allow, 'cache-control', 'no-store']);
}

/** Only events are posted: whoever sends them to a process of another kind learns where to. */
function nothingText({ parts }: Context, { method }: FastifyRequest): string {
  if (method === 'POST' && parts.push === undefined)
    return 'this process takes no events over HTTP: `clickrate run` does';
  return 'there is nothing at this path; /docs lists what there is';
}

/** The route of last resort: every method on every path that nothing else takes. */
export function addUnrouted(app: FastifyInstance, context: Context, methods: Methods): void {
  const answer = (request: FastifyRequest, reply: FastifyReply) =>
    answerUnrouted(context, methods, request, reply);
  app.route({
    method: app.supportedMethods,
    url: '*',
    schema: { hide: true },
    onRequest: async (request, reply) => answer(request, reply),
    handler: answer,
  });
  app.setNotFoundHandler(answer);
}
