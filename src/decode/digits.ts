/** Eight digits at once, the first in the lowest byte, as code of WebAssembly. */
import { type Code, get, i32, i64, load128, op, splat, tee } from '../wasm.ts';

/** Makes digits of what is on the stack: of a byte that is none, something above nine. */
export const digits: Code = [i64(0x3030303030303030n), op.subtract64];

/** Not zero when some byte is above nine: it carries into its high bit, or borrowed it. */
export function notDigits(local: number): Code {
  return [
    [get(local), get(local), i64(0x7676767676767676n), op.add64, op.or64],
    [i64(0x8080808080808080n), op.and64],
  ];
}

/** Their number: of pairs first, then of pairs of pairs. Changes the local. */
export function numberOf(local: number): Code {
  const pairs = [
    [get(local), i64(10n), op.multiply64, get(local), i64(8n)],
    [op.shiftRight64, op.add64, tee(local)],
  ];
  const two = i64(0x0000_00ff_0000_00ffn);
  return [
    [pairs, two, op.and64, i64(0x000f_4240_0000_0064n), op.multiply64],
    [get(local), i64(16n), op.shiftRight64, two, op.and64],
    [i64(0x0000_2710_0000_0001n), op.multiply64, op.add64, i64(32n)],
    op.shiftRight64,
  ];
}

/** How many digits stand at an address; 32 when there are sixteen or more. */
export function digitsAt(address: Code): Code {
  return [
    [address, load128(), splat(0x30), op.subtractBytes, splat(10)],
    [op.lessUnsignedBytes, op.bitsOfBytes, i32(0xffff), op.xor],
    op.trailingZeros,
  ];
}
