/** The HTTP server, built without listening: the caller listens, tests inject. */
import Fastify, { type FastifyInstance } from 'fastify';
import { ClickrateError } from '../errors.ts';
import { Metrics } from '../metrics.ts';
import { Connections, type HttpSocket } from './connections.ts';
import { describeRoutes, docsRoutes } from './docs.ts';
import { Doors } from './doors/doors.ts';
import type { ApiParts } from './handed.ts';
import { healthRoutes } from './health.ts';
import { historyRoutes } from './history.ts';
import { eventRoutes } from './ingest.ts';
import { ledgerRoutes } from './ledger.ts';
import { addUnrouted, Methods, originForm } from './methods.ts';
import { OpenWindows } from './open.ts';
import { originalRoutes } from './original.ts';
import { pageRoutes } from './page.ts';
import type { Context } from './parts.ts';
import { clientErrorText, sendError, unknownText } from './problem.ts';
import { productRoutes } from './products.ts';
import { Refused } from './refused.ts';
import { rejectedRoutes, replayRoute } from './rejected.ts';
import { Results } from './results.ts';
import { SHARED_SCHEMAS } from './schema.ts';
import { streamRoutes } from './stream/route.ts';
import { TaskWatch } from './tasks.ts';
import { timeRoutes } from './time-routes.ts';
import { Traffic } from './traffic.ts';
import { lazyValidators } from './validators.ts';

/** Longest percent-encoded part of a path that is looked at; what a byte of an id takes of it. */
const PARAM_CHARS = 1_024;
const ENCODED_CHARS = 3;
/** A byte of a product id takes so many in a cursor: 6 in JSON, which are 8 in base64. */
const CURSOR_CHARS = 8;
/** What a URL has beside such an id, and a request's head beside its URL. */
const URL_REST_BYTES = 1_024;
const HEAD_REST_BYTES = 8_192;
/**
 * Schemas are held to JSON Schema by a test: at each start that took longer than all the rest.
 * `Infinity` and `1e400` are coerced to a number, which strict numbers would hold to no bound.
 */
const AJV = {
  removeAdditional: false,
  coerceTypes: true,
  strictNumbers: false,
  meta: false,
  validateSchema: false,
};
/** How long whoever sent no request has to read why it was refused. */
const LINGER_MS = 1_000;

/**
 * Builds the server and loads the results. When they cannot be loaded it is built all the same:
 * it goes on trying, answers 503, and `/readyz` says why.
 */
export async function createServer(parts: ApiParts): Promise<FastifyInstance> {
  const { reader, settings, limits, clock, log } = parts;
  const results = new Results({ reader, limits, clock, windowMs: settings.windowMs, log });
  const traffic = new Traffic(clock, limits.slowMs, log);
  const watch = new TaskWatch(parts, results);
  const open = new OpenWindows(parts);
  const stream = { readers: 0, dropped: 0, coalesced: 0, snapshots: 0 };
  const metrics = new Metrics();
  const refused = new Refused(clock, log);
  const context = { parts, results, refused, watch, open, traffic, metrics, stream };
  traffic.register(metrics.registry);
  const app = bareServer(context);
  const methods = new Methods();
  watchRoutes(app, context, methods);
  await describeRoutes(app, parts.version);
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  await originalRoutes(app, context);
  await pageRoutes(app, context);
  await productRoutes(app, context);
  await historyRoutes(app, context);
  await ledgerRoutes(app, context);
  await rejectedRoutes(app, context);
  await replayRoute(app, context);
  await timeRoutes(app, context);
  await streamRoutes(app, context);
  await eventRoutes(app, context);
  await healthRoutes(app, context);
  await docsRoutes(app, context);
  addUnrouted(app, context, methods);
  app.addHook('onClose', async () => {
    results.stop();
    watch.stop();
    refused.stop();
  });
  await app.ready();
  await results.start();
  await watch.start();
  return app;
}

/** The longest URL taken: whatever id the settings allow, it can be asked for. */
function urlBytesOf({ limits, settings }: ApiParts): number {
  return Math.max(limits.urlBytes, settings.maxProductIdBytes * CURSOR_CHARS + URL_REST_BYTES);
}

function bareServer(context: Context): FastifyInstance {
  const { limits, doors, settings } = context.parts;
  const urlBytes = urlBytesOf(context.parts);
  const paramChars = Math.max(PARAM_CHARS, settings.maxProductIdBytes * ENCODED_CHARS);
  const http = {
    // Node takes the larger of the two for the whole request.
    headersTimeout: limits.requestMs,
    // How often it looks for requests that are overdue.
    connectionsCheckingInterval: Math.ceil(limits.requestMs / 10),
    maxHeaderSize: urlBytes + HEAD_REST_BYTES,
  };
  // Before its handshake a connection is not one of HTTP, and not watched as one.
  const https = { ...http, handshakeTimeout: limits.requestMs };
  const tls = doors?.tls ?? null;
  const app = Fastify({
    // Its logger would make a child for every request; ours speaks where there is something to say.
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    // Both make the same server for us, but their types have nothing in common.
    ...((tls === null ? { http } : { https: { ...https, ...tls } }) as { http: typeof http }),
    connectionTimeout: limits.keepAliveMs + limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    // Requests that still come while it closes are served, or refused with a problem of ours.
    return503OnClosing: false,
    exposeHeadRoutes: true,
    rewriteUrl: ({ url }) => originForm(url!),
    routerOptions: { maxParamLength: paramChars },
    ajv: { customOptions: AJV },
    schemaController: { compilersFactory: { buildValidator: lazyValidators() } },
    frameworkErrors: (error, request, reply) => sendError(context, error, request, reply),
    clientErrorHandler: (error, socket) => refuse((error as NodeJS.ErrnoException).code, socket),
  });
  // The second is for one of several workers: refused, not handed on, the others being as full.
  const most = { maxConnections: limits.connections, dropMaxConnection: true };
  // Who ends its side behind a request still hears the answer, else it would send events again.
  Object.assign(app.server, { ...most, httpAllowHalfOpen: true });
  const connections = new Connections(app.server, tls !== null);
  app.addHook('preClose', async () => connections.end(limits.stopMs / 4));
  // Answers are text already; compiling serialisers would only cost time at the start.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((error, request, reply) => sendError(context, error, request, reply));
  return app;
}

/** Answers what is not a request, and lets go of the connection whatever its other end does. */
function refuse(code: string | undefined, socket: HttpSocket): void {
  // Without a handshake nothing can be said; without a reader neither.
  if (code?.startsWith('ERR_TLS') || code === 'EPROTO' || !socket.writable) {
    socket.destroy();
    return;
  }
  // Within an answer that has begun it would be taken for a part of it.
  socket.end(socket._httpMessage?.headersSent ? '' : clientErrorText(code));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Every route is counted and guarded, learns its methods, and refuses a URL that cannot be. */
function watchRoutes(app: FastifyInstance, { traffic, parts }: Context, methods: Methods): void {
  const { doors, clock } = parts;
  const urlBytes = urlBytesOf(parts);
  app.decorateRequest('traffic', null);
  app.decorateRequest('beganMs', 0);
  app.addHook('onRoute', (route) => {
    methods.add(route);
    const counts = traffic.route(route.url);
    const access = Doors.accessOf(route);
    // Of the others each says what it takes.
    const takesNone = route.url.startsWith('/v1/') && !route.schema?.querystring;
    const others = route.onRequest === undefined ? [] : [route.onRequest].flat();
    route.onRequest = [
      (request, _reply, done) => {
        traffic.begin(request, counts);
        doors?.check(request, access, clock.monotonicMs());
        if (request.url.length > urlBytes)
          throw new ClickrateError('bad_request', `the URL is longer than ${urlBytes} bytes`);
        const [name] = takesNone ? Object.keys(request.query as object) : [];
        if (name !== undefined) throw new ClickrateError('bad_request', unknownText(name));
        done();
      },
      ...others,
    ];
  });
}
