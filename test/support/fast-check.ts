/** fast-check whose lists and texts get as long as they say; of itself it makes ten at most. */
import fc from 'fast-check';
import { shareOf } from './random.ts';

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  defaultSizeToMaxWhenMaxSpecified: true,
  numRuns: shareOf(100),
});

export { fc };
