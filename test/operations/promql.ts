/** Reads PromQL just far enough to hold its names and labels against what is exported. */

/** Labels that Prometheus itself adds, and metrics that it makes. */
const SCRAPE_LABELS = ['instance', 'job'];
const OWN_METRICS = ['up'];

type Series = ReadonlyMap<string, readonly string[]>;

/** What is wrong with an expression and with the labels its texts name, one sentence each. */
export function wrongIn(expr: string, texts: readonly string[], series: Series): string[] {
  const wrong: string[] = [];
  const allowed = new Set(SCRAPE_LABELS);
  const bare = expr.replace(/"[^"]*"/g, '""');
  let names = 0;
  for (const [, name, matchers = ''] of bare.matchAll(/\b(clickrate_\w+|up\b)(?:\{([^}]*)\})?/g)) {
    names++;
    const labels = OWN_METRICS.includes(name) ? [] : series.get(name);
    if (labels === undefined) {
      wrong.push(`${name} is not exported`);
      continue;
    }
    for (const label of labels) allowed.add(label);
    for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (![...labels, ...SCRAPE_LABELS].includes(label))
        wrong.push(`${name} has no label ${label}`);
  }
  if (names === 0) wrong.push(`no metric in ${expr}`);
  for (const [, list] of bare.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g))
    for (const label of list.split(',').map((one) => one.trim()))
      if (!allowed.has(label)) wrong.push(`nothing in ${expr} has the label ${label}`);
  for (const text of texts)
    for (const [, label] of text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g))
      if (!allowed.has(label)) wrong.push(`"${text}" names the label ${label}`);
  return wrong;
}
