/** Numbers of the command line: what is none, or out of range, is refused before all else. */
import { InvalidArgumentError } from 'commander';

/** Reads a flag's number, at least 0. */
export function numberOf(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new InvalidArgumentError('it must be a number of at least 0');
  return number;
}

/** Reads a flag's whole number. */
export function wholeOf(least: number, most?: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() !== '' && isWhole(number, least, most)) return number;
    throw new InvalidArgumentError(`it must be ${wholeText(least, most)}`);
  };
}

export function isWhole(value: number, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

export function wholeText(least: number, most?: number): string {
  const range = most === undefined ? `of at least ${least}` : `from ${least} to ${spaced(most)}`;
  return `a whole number ${range}`;
}

/** `65 535`. */
function spaced(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
}
