/** The program's log: pino, written as lines for a person or as JSON for machines. */
import { type Logger, pino } from 'pino';
import type { Options } from '../config.ts';

const NAMES: Record<number, string> = {
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A logger to standard error; lines that cannot be written, as on a full disk, are lost. */
export function createLogger(options: Pick<Options, 'logLevel' | 'logFormat'>): Logger {
  const lineOf = options.logFormat === 'json' ? (json: string) => json : textLine;
  const write = (json: string) => {
    try {
      process.stderr.write(lineOf(json));
    } catch {
      // There is nowhere to say so.
    }
  };
  return pino({ level: options.logLevel, base: null }, { write });
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
