/** fast-check whose lists and texts get as long as they say; of itself it makes ten at most. */
import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), defaultSizeToMaxWhenMaxSpecified: true });

export { fc };
