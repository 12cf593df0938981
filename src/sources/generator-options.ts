/** What generated traffic is like. */
import { OPTIONS, SETTINGS } from '../config.ts';
import { ClickrateError } from '../errors.ts';

const GENERATOR_DEFAULTS = {
  /** Impressions and click tries a second. */
  rate: OPTIONS.rate,
  products: OPTIONS.products,
  /** Zipf exponent of the products' popularity; 0: all alike. */
  zipf: 0,
  /** A click is this much later than its try, at most. */
  clickDelayMs: 0,
  /** An event is sent this much after its time, at most. */
  disorderMs: 0,
  /** Share of events that are sent up to `lateMs` later still. */
  late: 0,
  lateMs: 20_000,
  /** Share of events sent twice; needs ids. */
  duplicates: 0,
  /** Broken records for each impression and click try. */
  broken: 0,
  /** Whether events carry an `event_id`. */
  ids: false,
  seed: OPTIONS.seed,
  /** The rule the truth is told by. */
  windowMs: SETTINGS.windowMs,
  watermarkDelayMs: SETTINGS.watermarkDelayMs,
  allowedLatenessMs: SETTINGS.allowedLatenessMs,
  /** How many windows of the truth are remembered. */
  truthWindows: Number.POSITIVE_INFINITY,
};
export type GeneratorOptions = typeof GENERATOR_DEFAULTS;

/** No task counts more. */
const MAX_PRODUCTS = SETTINGS.maxProducts;
const MAX_DELAY_MS = 86_400_000;
const MAX_RATE = 1e9;

/** Options with `overrides`; throws `config_invalid` naming the one that is wrong. */
export function generatorOptions(overrides: Partial<GeneratorOptions>): GeneratorOptions {
  const options = { ...GENERATOR_DEFAULTS, ...overrides };
  const check = (name: keyof GeneratorOptions, isRight: boolean, what: string) => {
    if (isRight) return;
    throw new ClickrateError('config_invalid', `${name} must be ${what}, not ${options[name]}`);
  };
  const { rate, products, zipf, seed, windowMs, truthWindows } = options;
  check('rate', rate > 0 && rate <= MAX_RATE, 'more than 0 and at most 1e9');
  check('products', isWhole(products, 1, MAX_PRODUCTS), 'a whole number from 1 to 1 000 000');
  check('zipf', zipf >= 0 && Number.isFinite(zipf), 'at least 0');
  check('seed', Number.isSafeInteger(seed), 'a whole number');
  check('windowMs', isWhole(windowMs, 1, MAX_DELAY_MS), 'whole milliseconds of at least 1');
  check('truthWindows', truthWindows >= 1, 'at least 1');
  for (const name of ['late', 'duplicates', 'broken'] as const)
    check(name, options[name] >= 0 && options[name] <= 1, 'a share from 0 to 1');
  for (const name of [
    'clickDelayMs',
    'disorderMs',
    'lateMs',
    'watermarkDelayMs',
    'allowedLatenessMs',
  ] as const)
    check(name, isWhole(options[name], 0, MAX_DELAY_MS), 'whole milliseconds, at most a day');
  // Without ids nobody could tell a duplicate from another event.
  if (options.duplicates > 0) options.ids = true;
  return options;
}

function isWhole(value: number, from: number, to: number): boolean {
  return Number.isSafeInteger(value) && value >= from && value <= to;
}
