// The sieve over seeds as a WebAssembly module with 128-bit vectors, assembled here from named pieces: four seeds at once.
import type { Sieve } from './sieve.js';

/** Below the seeds stands PACK: for each of the 16 sets of lanes the bytes that bring them to the front. */
const SEEDS_AT = 256;
/** Bytes of memory: one page of WebAssembly. */
const PAGE = 65_536;

/** What of it is used here: TypeScript declares it for browsers alone. */
declare const WebAssembly: {
  readonly validate: (module: Uint8Array) => boolean;
  readonly Module: new (module: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

type Code = readonly number[];

/** An unsigned and a signed number in LEB128. */
const u32 = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...u32(value >>> 7)]);
const s32 = (value: number): Code =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...s32(value >> 7)];
const sized = (code: Code): Code => [...u32(code.length), ...code];
const list = (...items: Code[]): Code => [...u32(items.length), ...items.flat()];
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const text = (name: string): Code => sized([...name].map((char) => char.charCodeAt(0)));

const I32 = 0x7f;
const V128 = 0x7b;
const constant = (value: number): Code => [0x41, ...s32(value)];
const get = (local: number): Code => [0x20, ...u32(local)];
const set = (local: number, value: Code): Code => [...value, 0x21, ...u32(local)];
/** Runs `body` as long as `condition` is not zero. */
const loopWhile = (condition: Code, ...body: Code[]): Code => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...[...condition, 0x45, 0x0d, 0x01],
  ...body.flat(),
  ...[0x0c, 0x00, 0x0b, 0x0b],
];

const operation =
  (...code: number[]) =>
  (...operands: Code[]): Code => [...operands.flat(), ...code];
/** An instruction of the vector extension, with what follows its number: an alignment (2^n) and an offset. */
const vector = (number: number, ...immediates: number[]) => operation(0xfd, ...u32(number), ...immediates);

const add = operation(0x6a);
const subtract = operation(0x6b);
const and = operation(0x71);
const shiftLeft = operation(0x74);
const shiftRight = operation(0x76);
const isBelow = operation(0x49);
const countBits = operation(0x69);

const load = vector(0x00, 0, 0);
const store = vector(0x0b, 0, 0);
const pick = vector(0x0e);
const inAllLanes = vector(0x11);
const laneIsAtMost = vector(0x3e);
const lanesOr = vector(0x50);
const lanesXor = vector(0x51);
const lanesSet = vector(0xa4);
const lanesLeft = vector(0xab);
const lanesRight = vector(0xad);
const lanesAdd = vector(0xae);
const lanesSubtract = vector(0xb1);

const rol = (local: number, by: number): Code =>
  lanesOr(lanesLeft(get(local), constant(by)), lanesRight(get(local), constant(32 - by)));
/** One line of __jhash_final: x = (x ^ y) - rol(y, by). */
const mix = (x: number, y: number, by: number): Code =>
  set(x, lanesSubtract(lanesXor(get(x), get(y)), rol(y, by)));

/** fill(first, count): locals 0 first, 1 count, 2 where, 3 end, 4 the seeds of a vector. */
const fill = (): Code => {
  const [first, count, at, end, seeds] = [0, 1, 2, 3, 4];
  const fours = [...inAllLanes(constant(4))];
  return [
    ...set(at, constant(SEEDS_AT)),
    ...set(end, add(get(at), shiftLeft(get(count), constant(2)))),
    // 0, 1, 2, 3
    ...set(
      seeds,
      lanesAdd(inAllLanes(get(first)), [0xfd, 0x0c, ...[0, 1, 2, 3].flatMap((n) => [n, 0, 0, 0])]),
    ),
    ...loopWhile(
      isBelow(get(at), get(end)),
      store(get(at), get(seeds)),
      set(seeds, lanesAdd(get(seeds), fours)),
      set(at, add(get(at), constant(16))),
    ),
  ];
};

/**
 * sift(count, a, b, c, shift, most): keeps those seeds for which jhash + shift <= most, and packs them to the front. What is
 * kept never overtakes what is read. The last vector may hold lanes past the end: they are kept last, and not counted.
 */
const sift = (): Code => {
  const [count, a, b, c, shift, most] = [0, 1, 2, 3, 4, 5];
  const [from, to, end, lanes] = [6, 7, 8, 9];
  const [seeds, x, y, z] = [10, 11, 12, 13];
  const withSeeds = (word: number): Code => lanesAdd(inAllLanes(get(word)), get(seeds));
  return [
    ...set(from, constant(SEEDS_AT)),
    ...set(to, constant(SEEDS_AT)),
    ...set(end, add(get(from), shiftLeft(get(count), constant(2)))),
    ...loopWhile(
      isBelow(get(from), get(end)),
      set(seeds, load(get(from))),
      ...[set(x, withSeeds(a)), set(y, withSeeds(b)), set(z, withSeeds(c))],
      ...[
        mix(z, y, 14),
        mix(x, z, 11),
        mix(y, x, 25),
        mix(z, y, 16),
        mix(x, z, 4),
        mix(y, x, 14),
        mix(z, y, 24),
      ],
      set(lanes, lanesSet(laneIsAtMost(lanesAdd(get(z), inAllLanes(get(shift))), inAllLanes(get(most))))),
      store(get(to), pick(get(seeds), load(shiftLeft(get(lanes), constant(4))))),
      set(to, add(get(to), shiftLeft(countBits(get(lanes)), constant(2)))),
      set(from, add(get(from), constant(16))),
    ),
    ...subtract(
      shiftRight(subtract(get(to), constant(SEEDS_AT)), constant(2)),
      countBits(
        shiftRight(get(lanes), add(and(subtract(get(count), constant(1)), constant(3)), constant(1))),
      ),
    ),
  ];
};

const PACK = Array.from({ length: 16 }, (_, lanes) => {
  const kept = [0, 1, 2, 3].filter((lane) => (lanes >> lane) & 1);
  return [0, 1, 2, 3].flatMap((to) => [0, 1, 2, 3].map((byte) => 4 * (kept[to] ?? 0) + byte));
}).flat();

const functionBody = (locals: Code, code: Code): Code => sized([...locals, ...code, 0x0b]);

const MODULE = Uint8Array.from([
  // "\0asm", version 1
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, list([0x60, ...list([I32], [I32]), 0], [0x60, ...u32(6), ...Array(6).fill(I32), 1, I32])),
  ...section(3, list([0], [1])),
  // One page, and no more.
  ...section(5, list([1, 1, 1])),
  ...section(7, list([...text('fill'), 0, 0], [...text('sift'), 0, 1], [...text('memory'), 2, 0])),
  ...section(
    10,
    list(functionBody(list([2, I32], [1, V128]), fill()), functionBody(list([4, I32], [4, V128]), sift())),
  ),
  ...section(11, list([0, ...constant(0), 0x0b, ...sized(PACK)])),
]);

type Exports = {
  readonly fill: (first: number, count: number) => void;
  readonly sift: Sieve['sift'];
  readonly memory: { readonly buffer: ArrayBuffer };
};

/** null where this machine has no vectors, or stores numbers the other way round than WebAssembly. */
export const createSimdSieve = (): Sieve | null => {
  const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  if (!isLittleEndian || !WebAssembly.validate(MODULE)) return null;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE));
  const { fill, sift, memory } = exports as Exports;
  // Whole vectors are read and stored: one more has room.
  return { seeds: new Uint32Array(memory.buffer, SEEDS_AT, (PAGE - SEEDS_AT) / 4 - 4), fill, sift };
};
