/** What the API is handed in every process of ours, whatever it serves beside that. */
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { ApiParts } from '../api/handed.ts';
import { readPage } from '../api/page-files.ts';
import { systemClock } from '../clock.ts';
import { OPTIONS, type Options, type Settings } from '../config.ts';
import { VERSION } from './version.ts';

/** The same seen from src/cli and from the package's dist/cli. */
const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

type Common = 'settings' | 'clock' | 'log' | 'version' | 'minSample' | 'page';

export function apiParts(
  { minSample = OPTIONS.minSample }: Partial<Pick<Options, 'minSample'>>,
  settings: Settings,
  log: Logger,
): Pick<ApiParts, Common> {
  const page = readPage(PAGE);
  return { settings, clock: systemClock, log, version: VERSION, minSample, page };
}
