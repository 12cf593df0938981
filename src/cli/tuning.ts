/**
 * Settings of V8, taken before commands are loaded: the tolerant scan may be inlined whole, and the
 * heap grows by seven tenths at most before it is collected. Another one, the size of the young
 * generation, can only be given at launch: see `main.ts`, first line. Reasons and figures are in
 * docs/decisions/0004.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
setFlagsFromString('--heap-growing-percent=70');
