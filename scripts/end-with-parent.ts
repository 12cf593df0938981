/** Ends this process soon after its parent, whose end nobody tells: npm's `sh` passes none on. */
export function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(1), 1_000).unref();
}
