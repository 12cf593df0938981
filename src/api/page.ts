/** What a browser gets at `/`: where everything is. No script, nothing from another host. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;' +
  'margin:3rem auto;padding:0 1rem}dt{font-weight:600;margin-top:.5rem}dd{margin:0}';

/** The page as HTML; `links` are paths by name, those with a placeholder are shown as text. */
export function page(version: string, links: Record<string, string>): string {
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
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>clickrate ${version}</h1>
<p>Click-through rates by product and window. This is the API;
<a href="/docs">its documentation</a> can be tried in the browser.</p>
<dl>
${items.join('\n')}
</dl>
</main>
</body>
</html>
`;
}
