/** What a client asks for among what there is: `Accept`, `Accept-Encoding` (RFC 9110, 12.4.2). */

/**
 * Which of the names, in lower case, weighs most in the header, the first of equals; null where it
 * names none, or refuses them (`q=0`). Wildcards name nothing: what is usual here will do for them.
 */
export function preferred<Name extends string>(
  header: string | undefined,
  names: readonly Name[],
): Name | null {
  const weights = new Map<string, number>();
  for (const item of header?.toLowerCase().split(',') ?? []) {
    const [name, ...parameters] = item.split(';').map((text) => text.trim());
    const weight = parameters.find((text) => text.startsWith('q='))?.slice(2) ?? '1';
    weights.set(name, Number(weight));
  }
  let best: Name | null = null;
  let most = 0;
  for (const name of names) {
    const weight = weights.get(name) ?? 0;
    if (weight > most) [best, most] = [name, weight];
  }
  return best;
}
