/** The page as it is now: built again when its sources are newer. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type PageFiles, readPage } from '../../src/api/page-files.ts';
import { ROOT } from '../support/processes.ts';

/** Builds the page when that is needed; throws with the output when it cannot be built. */
export function builtPage(): PageFiles {
  const script = join(ROOT, 'scripts', 'build-page.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  const page = readPage(join(ROOT, 'dist', 'page'));
  if (status !== 0 || page === null) throw new Error(`no page: ${stderr}`);
  return page;
}
