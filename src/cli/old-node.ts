/** A Node that is too old would read names from SQLite wrongly: docs/decisions/0023. */

/**
 * Why a Node of `version` cannot run clickrate; null when it can.
 *
 * @param needed as `engines.node` of package.json: `>=` and a major and a minor version
 */
export function oldNode(version: string, needed: string): string | null {
  const [major, minor] = numbersOf(version);
  const [leastMajor, leastMinor] = numbersOf(needed.slice('>='.length));
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null;
  return `this is Node ${version}; clickrate needs ${leastMajor}.${leastMinor} or newer`;
}

function numbersOf(version: string): number[] {
  return version.split('.').map(Number);
}
