/** Where the API tells the history of a product. */

/**
 * The product is a parameter and no part of the path: every parser of addresses takes a `..` in a
 * path, also an escaped one, for the folder above.
 */
export function historyAddress(product: string, more: Record<string, string>): string {
  return `/v1/history?${new URLSearchParams({ product, ...more })}`;
}
