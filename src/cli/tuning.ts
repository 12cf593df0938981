/**
 * Two settings of V8, taken before anything is compiled; reasons and figures are in
 * docs/decisions/0004. The decoder's loop may be inlined whole, and the young generation stays
 * small: what a closing of 100 000 products leaves behind is collected before it makes room for
 * more.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000');
setFlagsFromString('--semi-space-growth-factor=1');
