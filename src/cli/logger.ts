/** The program's log: pino, written as lines for a person or as JSON for machines. */
import { destination, type Logger, pino } from 'pino';
import type { Options } from '../config.ts';

const NAMES: Record<number, string> = {
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A logger to standard error. */
export function createLogger(options: Pick<Options, 'logLevel' | 'logFormat'>): Logger {
  const settings = { level: options.logLevel, base: null };
  if (options.logFormat === 'json') return pino(settings, destination({ dest: 2, sync: true }));
  return pino(settings, { write: (line) => process.stderr.write(textLine(line)) });
}

/** `12:00:01.123 info  message  key=value`. */
function textLine(json: string): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const at = new Date(Number(time)).toISOString().slice(11, 23);
  const rest = Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const name = (NAMES[Number(level)] ?? '').padEnd(5);
  return `${at} ${name} ${msg}${rest === '' ? '' : `  ${rest}`}\n`;
}
