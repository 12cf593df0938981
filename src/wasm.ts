/**
 * As much of the binary format of WebAssembly as decode and sources need: code as lists of bytes
 * and of code, and a module of one function over an imported memory. Opcodes and encoding:
 * webassembly.github.io/spec/core/binary.
 */

/** What the processor of JavaScript offers; a process started with `--jitless` has none of it. */
declare const WebAssembly:
  | {
      /** False where the processor lacks what the module needs: SSE 4.1 on x86. */
      validate(bytes: Uint8Array): boolean;
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object, imports: object) => { exports: { run: unknown } };
      Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
    }
  | undefined;
const PAGE_BYTES = 65_536;

/** Memory for code to work on; it never grows, so views of its buffer stay what they are. */
export function memoryOf(size: number): { buffer: ArrayBuffer } {
  const pages = Math.ceil(size / PAGE_BYTES);
  if (typeof WebAssembly === 'undefined') return { buffer: new ArrayBuffer(pages * PAGE_BYTES) };
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

/** The function of a module made by `moduleOf`; null where it cannot run. */
export function functionOf(module: Uint8Array, memory: { buffer: ArrayBuffer }): unknown {
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(module)) return null;
  const compiled = new WebAssembly.Module(module);
  return new WebAssembly.Instance(compiled, { host: { memory } }).exports.run;
}

/** A piece of code, of bytes and other pieces: it may leave values on the stack, or take some. */
export type Code = readonly (number | Code)[];

function bytesOf(code: Code): number[] {
  return code.flatMap((part) => (typeof part === 'number' ? part : bytesOf(part)));
}

/** Value types. */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const V128 = 0x7b;

/** An unsigned number in LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** A signed number of up to 64 bits in LEB128. */
function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const byte = Number(rest & 0x7fn);
    const isLast = rest >= -64n && rest < 64n;
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

export const i32 = (value: number): Code => [0x41, signed(BigInt(value | 0))];
export const i64 = (value: bigint): Code => [0x42, signed(BigInt.asIntN(64, value))];
/** Sixteen bytes. */
export const v128 = (bytes: ArrayLike<number>): Code => [simd(12), Array.from(bytes)];

/** Sixteen times the same byte. */
export const splat = (byte: number): Code => v128(new Uint8Array(16).fill(byte));

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];

/** Loads and stores: an address on the stack, and what is added to it. */
const access = (opcode: Code, offset: number): Code => [opcode, 0, unsigned(offset)];
export const load8 = (offset = 0): Code => access([0x2d], offset);
export const load32 = (offset = 0): Code => access([0x28], offset);
export const load64 = (offset = 0): Code => access([0x29], offset);
export const loadDouble = (offset = 0): Code => access([0x2b], offset);
export const load128 = (offset = 0): Code => access(simd(0), offset);
export const store32 = (offset = 0): Code => access([0x36], offset);
export const storeDouble = (offset = 0): Code => access([0x39], offset);
export const store8 = (offset = 0): Code => access([0x3a], offset);

/** Operators on what is on the stack; those of 32 bits unless the name says another size. */
export const op = {
  isZero: [0x45],
  equal: [0x46],
  notEqual: [0x47],
  less: [0x48],
  lessUnsigned: [0x49],
  lessOrEqual: [0x4c],
  moreUnsigned: [0x4b],
  trailingZeros: [0x68],
  add: [0x6a],
  subtract: [0x6b],
  multiply: [0x6c],
  and: [0x71],
  or: [0x72],
  xor: [0x73],
  shiftLeft: [0x74],
  shiftRight: [0x76],
  isZero64: [0x50],
  add64: [0x7c],
  subtract64: [0x7d],
  multiply64: [0x7e],
  and64: [0x83],
  or64: [0x84],
  xor64: [0x85],
  shiftLeft64: [0x86],
  shiftRight64: [0x88],
  doubleFrom64: [0xb9],
  doubleFrom32: [0xb7],
  addDoubles: [0xa0],
  equalBytes: simd(0x23),
  lessBytes: simd(0x25),
  lessUnsignedBytes: simd(0x26),
  subtractBytes: simd(0x71),
  and128: simd(0x4e),
  or128: simd(0x50),
  xor128: simd(0x51),
  any128: simd(0x53),
  bitsOfBytes: simd(0x64),
  /** Of three: the first, or the second where the third is 0. */
  select: [0x1b],
  leave: [0x0f],
} as const satisfies Record<string, Code>;

const EMPTY = 0x40;
export const loop = (...body: Code): Code => [0x03, EMPTY, body, 0x0b];
export const when = (then: Code, otherwise: Code = []): Code => [
  0x04,
  EMPTY,
  then,
  otherwise.length === 0 ? [] : [0x05, otherwise],
  0x0b,
];
/** Begins the loop `depth` blocks further out again, if what is on the stack is not zero. */
export const againIf = (depth: number): Code => [0x0d, depth];

function section(id: number, content: Code): Code {
  const bytes = bytesOf(content);
  return [id, unsigned(bytes.length), bytes];
}

const name = (text: string): Code => [text.length, Array.from(new TextEncoder().encode(text))];

/**
 * A module that exports one function `run` of `parameters` 32-bit numbers to one, over the memory
 * it imports as `host.memory`; its other locals are of the types `locals`.
 */
export function moduleOf(parameters: number, locals: readonly number[], body: Code): Uint8Array {
  const types = [1, 0x60, parameters, new Array(parameters).fill(I32), 1, I32];
  const imports = [1, name('host'), name('memory'), 2, 0, 1];
  const declared = locals.map((type) => [1, type]);
  const code = bytesOf([unsigned(locals.length), declared, body, 0x0b]);
  return Uint8Array.from(
    bytesOf([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, types),
      section(2, imports),
      section(3, [1, 0]),
      section(7, [1, name('run'), 0, 0]),
      section(10, [1, unsigned(code.length), code]),
    ]),
  );
}
