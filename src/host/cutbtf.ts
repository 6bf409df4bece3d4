// Cuts out of the kernel's type information (BTF) what a program names, so that bpftrace reads some 10 KB and not 5 MB.
//
// bpftrace 0.17 and 0.23 write the types of a program as C and have clang read them several times over, which is most of
// the time until it is attached. Offsets and sizes stay the kernel's; what is left out becomes padding.
import { EXTRA, findNames, KIND, readHeader, type Sections, stringAt } from './btf.js';

/**
 * Every `struct x` that the program names, of these the members that it names, and what those lead to; and of the
 * functions their arguments. null when the bytes are not BTF that we know.
 */
export const cutBtf = (
  bytes: Uint8Array,
  program: string,
  functions: readonly string[] = [],
): Uint8Array | null => {
  const sections = readHeader(bytes);
  if (sections === null || !sections.isLittle) return null;
  const code = program.replace(/\/\*[\s\S]*?\*\//g, '');
  const structs = new Set([...code.matchAll(/\bstruct\s+(\w+)/g)].map((match) => match[1] ?? ''));
  const members = new Set([...code.matchAll(/(?:->|\.)\s*([a-zA-Z_]\w*)/g)].map((match) => match[1] ?? ''));
  const source = indexTypes(sections);
  const output = createOutput();
  for (const id of findRoots(source, structs, new Set(functions))) output.keep(id);
  for (let id = output.next(); id !== undefined; id = output.next()) write(source, output, id, members);
  return output.bytes();
};

type Source = Sections & {
  /** Where each type begins, by its number; type 0 is void. */
  readonly places: Uint32Array;
  readonly count: number;
};

const indexTypes = (sections: Sections): Source => {
  const { types } = sections;
  const places = new Uint32Array(Math.ceil(types.byteLength / 12) + 1);
  let id = 1;
  for (let at = 0; at + 12 <= types.byteLength; id++) {
    const info = types.getUint32(at + 4, true);
    const extra = EXTRA[(info >>> 24) & 0x1f];
    if (extra === undefined) break;
    places[id] = at;
    at += 12 + extra[0] + (info & 0xffff) * extra[1];
  }
  return { ...sections, places, count: id };
};

/** One type as it stands there. */
const typeAt = ({ types, places }: Source, id: number) => {
  const at = places[id] ?? 0;
  const info = types.getUint32(at + 4, true);
  return {
    at,
    name: types.getUint32(at, true),
    info,
    kind: (info >>> 24) & 0x1f,
    vlen: info & 0xffff,
    /** kind_flag: places of members hold the sizes of bit-fields, too. */
    isFlagged: info >>> 31 === 1,
    /** Size or type, by kind. */
    value: types.getUint32(at + 8, true),
  };
};

const findRoots = (
  source: Source,
  structs: ReadonlySet<string>,
  functions: ReadonlySet<string>,
): readonly number[] => {
  const names = findNames(source.strings, [...structs, ...functions]);
  const found = new Map<string, number>();
  const others: number[] = [];
  for (let id = 1; id < source.count; id++) {
    const { kind, name: offset } = typeAt(source, id);
    if (kind === KIND.typedef && isNumber(source, id)) others.push(id);
    const name = names.get(offset);
    if (name === undefined) continue;
    if (kind === KIND.struct && structs.has(name) && !found.has(name)) found.set(name, id);
    if (kind === KIND.func && functions.has(name)) others.push(id);
  }
  return [...found.values(), ...others];
};

/** Tracepoints have fields of such types, which the program does not name. */
const isNumber = (source: Source, id: number): boolean => {
  const { kind, value } = typeAt(source, id);
  return kind === KIND.int || (kind === KIND.typedef && value !== 0 && isNumber(source, value));
};

type Member = { readonly name: number; readonly type: number; readonly place: number };

/** The members that the program names, and the nameless that hold such. */
const membersOf = (source: Source, id: number, wanted: ReadonlySet<string>): Member[] => {
  const { at, vlen } = typeAt(source, id);
  return Array.from({ length: vlen }, (_, i) => {
    const from = at + 12 + 12 * i;
    const [name, type, place] = [0, 4, 8].map((offset) => source.types.getUint32(from + offset, true));
    return { name: name ?? 0, type: type ?? 0, place: place ?? 0 };
  }).filter(({ name, type }) =>
    name === 0
      ? isComposite(source, type) && membersOf(source, type, wanted).length > 0
      : wanted.has(stringAt(source.strings, name)),
  );
};

const isComposite = (source: Source, id: number): boolean => {
  const { kind } = typeAt(source, id);
  return kind === KIND.struct || kind === KIND.union;
};

/** typedef, volatile, const, restrict, type_tag: what stands for another type. */
const NAMES_OF_TYPES: ReadonlySet<number> = new Set([KIND.typedef, 9, 10, 11, 18]);
/** Kinds whose third word is a type, not a size. */
const REFERENCES: ReadonlySet<number> = new Set([...NAMES_OF_TYPES, KIND.ptr, KIND.func, KIND.funcProto]);
/** Kinds that name their parts: how many words each part takes, of which the first is the name. */
const NAMING: ReadonlyMap<number, number> = new Map([
  [KIND.enum, 2],
  [KIND.enum64, 3],
]);

/** Bytes of a type; 0 where it has none of its own. */
const sizeOf = (source: Source, id: number): number => {
  if (id === 0) return 0;
  const { kind, value, at } = typeAt(source, id);
  if (kind === KIND.ptr) return 8;
  if (kind === KIND.array)
    return sizeOf(source, source.types.getUint32(at + 12, true)) * source.types.getUint32(at + 20, true);
  if (NAMES_OF_TYPES.has(kind)) return sizeOf(source, value);
  return value;
};

/** Bits from `place` on, and how many they are. */
const bitsOf = (source: Source, { type, place }: Member, isFlagged: boolean): readonly [number, number] => {
  const from = isFlagged ? place & 0xffffff : place;
  return [from, isFlagged && place >>> 24 > 0 ? place >>> 24 : 8 * sizeOf(source, type)];
};

const write = (source: Source, output: Output, id: number, wanted: ReadonlySet<string>): void => {
  const { kind, at, info, vlen, name, value, isFlagged } = typeAt(source, id);
  const text = (offset: number): number => output.text(stringAt(source.strings, offset));
  if (kind === KIND.struct || kind === KIND.union) {
    const members: Member[] = [];
    const pad = (from: number, to: number): void => {
      // Whole bytes; what lies between bit-fields bpftrace fills itself.
      const [first, last] = [Math.ceil(from / 8), Math.floor(to / 8)];
      if (last > first)
        members.push({
          name: output.padName(),
          type: output.chars(last - first),
          place: 8 * first,
        });
    };
    let end = 0;
    for (const member of membersOf(source, id, wanted)) {
      const [from, bits] = bitsOf(source, member, isFlagged);
      if (kind === KIND.struct) pad(end, from);
      members.push({ name: text(member.name), type: output.keep(member.type), place: member.place });
      end = from + bits;
    }
    // A union is as large as its largest member.
    pad(kind === KIND.struct ? end : 0, 8 * value);
    const words = members.flatMap((member) => [member.name, member.type, member.place]);
    output.put(id, [text(name), ((info & 0xffff0000) | members.length) >>> 0, value, ...words]);
    return;
  }
  const extra = EXTRA[kind] ?? [0, 0];
  const length = (extra[0] + vlen * extra[1]) / 4;
  const words = Array.from({ length }, (_, i) => source.types.getUint32(at + 12 + 4 * i, true));
  const mapped = REFERENCES.has(kind) ? output.keep(value) : value;
  const naming = NAMING.get(kind);
  let rest = words;
  if (kind === KIND.array) rest = [output.keep(words[0] ?? 0), output.keep(words[1] ?? 0), words[2] ?? 0];
  else if (kind === KIND.funcProto)
    rest = words.map((word, i) => (i % 2 === 0 ? text(word) : output.keep(word)));
  else if (naming !== undefined) rest = words.map((word, i) => (i % naming === 0 ? text(word) : word));
  output.put(id, [text(name), info, mapped, ...rest]);
};

type Output = ReturnType<typeof createOutput>;

/** What is cut out, as it grows: types are numbered when they are first referred to, and written in that order. */
const createOutput = () => {
  const numbers = new Map<number, number>();
  const queue: number[] = [];
  const written = new Map<number, readonly number[]>();
  const strings: Buffer[] = [Buffer.from([0])];
  const offsets = new Map<string, number>([['', 0]]);
  let [stringLength, count, pads] = [1, 0, 0];
  const text = (string: string): number => {
    const known = offsets.get(string);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${string}\0`, 'latin1');
    offsets.set(string, stringLength);
    strings.push(bytes);
    stringLength += bytes.length;
    return stringLength - bytes.length;
  };
  const own = (words: readonly number[]): number => {
    written.set(++count, words);
    return count;
  };
  const char = own([text('char'), KIND.int << 24, 1, (1 << 24) | 8]);
  const arrays = new Map<number, number>();
  return {
    text,
    /** A name that no other member has: those of nameless structs are their parents' as well. */
    padName: (): number => text(`pad_${++pads}`),
    /** The number of `char[length]`. */
    chars: (length: number): number => {
      const number = arrays.get(length) ?? own([0, KIND.array << 24, 0, char, char, length]);
      arrays.set(length, number);
      return number;
    },
    /** The number that a type of the source has here. */
    keep: (id: number): number => {
      if (id === 0) return 0;
      const known = numbers.get(id);
      if (known !== undefined) return known;
      numbers.set(id, ++count);
      queue.push(id);
      return count;
    },
    next: (): number | undefined => queue.shift(),
    put: (id: number, words: readonly number[]): void => {
      written.set(numbers.get(id) ?? 0, words);
    },
    bytes: (): Uint8Array => {
      const words = Array.from({ length: count }, (_, i) => written.get(i + 1) ?? []).flat();
      const header = Buffer.alloc(24);
      header.writeUInt16LE(0xeb9f, 0);
      header.writeUInt8(1, 2);
      for (const [i, value] of [24, 0, 4 * words.length, 4 * words.length, stringLength].entries())
        header.writeUInt32LE(value, 4 + 4 * i);
      const types = Buffer.alloc(4 * words.length);
      for (const [i, word] of words.entries()) types.writeUInt32LE(word >>> 0, 4 * i);
      return Buffer.concat([header, types, ...strings]);
    },
  };
};
