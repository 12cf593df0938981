/** `/openapi.json` and `/docs`: the document made from the routes, and Swagger UI over it. */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { sendSerialised } from './answer.ts';
import { openapiSchema } from './operations.ts';
import type { Context } from './parts.ts';
import { type Serialised, serialised } from './serialised.ts';

const DESCRIPTION = `Click-through rates by product and window.

Times are epoch milliseconds. Errors are problem details (RFC 9457) with a \`code\`. A path answers
405 with \`Allow\` to a method it does not take, 204 with \`Allow\` to OPTIONS, and HEAD like GET
without the body. An unknown path answers 404, under /v1 an unknown query parameter 400. A product
called \`latest\` is at \`/v1/products/latest\`.`;

/** Swagger UI sets styles on its elements; everything else comes from this server. */
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; " +
  "object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** Must come before the routes it is to describe. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'clickrate', version, description: DESCRIPTION },
      // Asked for where keys are configured.
      security: [{}, { bearer: [] }, { basic: [] }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          basic: { type: 'http', scheme: 'basic', description: 'The key is the password' },
        },
      },
      tags: [
        { name: 'original', description: "The original demo's endpoints" },
        { name: 'v1', description: 'Rates, history, the live stream, events and their ledger' },
        { name: 'operations', description: 'For those who run it' },
      ],
    },
    convertConstToEnum: false,
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) => String(json.$id ?? `part-${i}`),
    },
  });
}

export async function docsRoutes(app: FastifyInstance, context: Context): Promise<void> {
  let body: Serialised | null = null;
  app.get('/openapi.json', { schema: openapiSchema }, (request, reply) => {
    body ??= serialised(Buffer.from(JSON.stringify(app.swagger())));
    sendSerialised(context, request, reply, body);
  });
  await app.register(async (docs) => {
    docs.addHook('onSend', async (_request, reply) => {
      reply.header('x-content-type-options', 'nosniff');
      reply.header('referrer-policy', 'no-referrer');
    });
    docs.addHook('onResponse', async (request, reply) => {
      // Errors have already been counted by the handler of errors.
      if (request.traffic !== null) context.traffic.end(request, reply.statusCode);
    });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: DOCS_POLICY,
      theme: { title: 'clickrate API' },
      // The other layout has a bar above it, with the framework's logo and a field for an address.
      uiConfig: { layout: 'BaseLayout', validatorUrl: null, displayRequestDuration: true },
    });
  });
}
