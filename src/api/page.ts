/**
 * The page, as `dashboard/` builds it: one document and files whose names change with their
 * content, all served from memory. Without a build a plain page says where everything is.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ClickrateError } from '../errors.ts';
import { preferred } from './accept.ts';
import { send, sendBytes } from './answer.ts';
import type { Context } from './parts.ts';

/** Nothing inline and nothing from another host. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Of the page that stands in while there is no build. */
const PLAIN_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

const PLAIN_STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;' +
  'margin:3rem auto;padding:0 1rem}dt{font-weight:600;margin-top:.5rem}dd{margin:0}';

/** Names change with the content, so a browser need never ask again. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/** Sends the page to a browser; `links` are for the plain one. */
export function sendPage(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  links: Record<string, string>,
): void {
  const { page, version } = context.parts;
  const built = page !== undefined && page !== null;
  const headers = ['vary', 'accept', 'cache-control', 'no-cache'];
  headers.push('content-type', 'text/html; charset=utf-8');
  headers.push('content-security-policy', built ? POLICY : PLAIN_POLICY);
  send(context, request, reply, 200, headers, built ? page.index : plainPage(version, links));
}

/** `/assets/*`. */
export async function pageRoutes(app: FastifyInstance, context: Context): Promise<void> {
  const { page } = context.parts;
  if (page === undefined || page === null) return;
  app.get('/assets/*', { schema: { hide: true } }, (request, reply) => {
    const asset = page.assets.get(request.url.split('?', 1)[0]!);
    if (asset === undefined) throw new ClickrateError('not_found', 'no such file of the page');
    const encodings = String(request.headers['accept-encoding'] ?? '');
    const packed = preferred(encodings, ['gzip', 'identity']) === 'gzip';
    const headers = ['content-type', asset.type, 'cache-control', FOR_EVER];
    headers.push('vary', 'accept-encoding');
    if (packed) headers.push('content-encoding', 'gzip');
    sendBytes(context, request, reply, headers, packed ? asset.gzip : asset.plain);
  });
}

/** Where everything is; `links` are paths by name, those with a placeholder are shown as text. */
function plainPage(version: string, links: Record<string, string>): string {
  const items = Object.entries(links).map(([name, path]) => {
    const target = path.includes('{') || name === 'events' ? path : `<a href="${path}">${path}</a>`;
    return `<dt>${name}</dt><dd>${target}</dd>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>clickrate</title>
<style>${PLAIN_STYLE}</style>
</head>
<body>
<main>
<h1>clickrate ${version}</h1>
<p>Click-through rates by product and window. This is the API;
<a href="/docs">its documentation</a> can be tried in the browser.</p>
<p>The live page has not been built here: run <code>npm run build:dashboard</code> and start
again.</p>
<dl>
${items.join('\n')}
</dl>
</main>
</body>
</html>
`;
}
