/** Which process this is, for people who look for it among several. */
import { hostname } from 'node:os';

export const OWNER = `process ${process.pid} on ${hostname()}`;
