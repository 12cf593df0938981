/** What package.json says of clickrate and of its Node, the same from source and when built. */
import { readFileSync } from 'node:fs';

type Manifest = { version: string; engines: { node: string } };

const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

export const { version: VERSION, engines: ENGINES } = JSON.parse(manifest) as Manifest;
