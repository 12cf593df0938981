/** Where the built page lies: in dist/page, seen from src/cli and from the package's dist/cli. */
import { fileURLToPath } from 'node:url';
import { type PageFiles, readPage } from '../api/page-files.ts';

/** The page as it is now; null where it has not been built. */
export function builtPage(): PageFiles | null {
  return readPage(fileURLToPath(new URL('../../dist/page', import.meta.url)));
}
