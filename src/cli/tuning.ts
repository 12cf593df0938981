/**
 * A setting of V8, taken before anything is compiled: the decoder's loop may be inlined whole. The
 * other one, the size of the young generation, can only be given at launch: see `main.ts`, first
 * line. Reasons and figures are in docs/decisions/0004.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
