// Reads the kernel's own type information (BTF): argument counts and struct members by name; it knows no probe.
//
// Format: Documentation/bpf/btf.rst. Everything read is checked against the buffer's length, and a kind from a newer
// kernel ends the walk: what was found until then stands.

/** What BTF says of the names that were asked for. */
export type BtfAnswer = {
  /** Function -> number of its arguments; absent = BTF has no such function. */
  readonly args: ReadonlyMap<string, number>;
  /** `struct.member` -> whether the struct has it; absent = BTF has no such struct. */
  readonly members: ReadonlyMap<string, boolean>;
};

const MAGIC = 0xeb9f;
/** Numbers of the kinds of types that are told apart. */
export const KIND = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  func: 12,
  funcProto: 13,
  enum64: 19,
} as const;
/** Bytes after the 12 of each type, by kind (index): fixed, then per element (vlen). */
export const EXTRA: readonly (readonly [number, number])[] = [
  [0, 0], // 0 unused
  [4, 0], // 1 int
  [0, 0], // 2 ptr
  [12, 0], // 3 array
  [0, 12], // 4 struct
  [0, 12], // 5 union
  [0, 8], // 6 enum
  [0, 0], // 7 fwd
  [0, 0], // 8 typedef
  [0, 0], // 9 volatile
  [0, 0], // 10 const
  [0, 0], // 11 restrict
  [0, 0], // 12 func
  [0, 8], // 13 func_proto
  [4, 0], // 14 var
  [0, 12], // 15 datasec
  [0, 0], // 16 float
  [4, 0], // 17 decl_tag
  [0, 0], // 18 type_tag
  [0, 12], // 19 enum64
];

/** Answers about functions and `struct.member` pairs; null when the bytes are not BTF. Never throws. */
export const readBtf = (
  bytes: Uint8Array,
  functions: readonly string[],
  members: readonly string[],
): BtfAnswer | null => {
  const sections = readHeader(bytes);
  if (sections === null) return null;
  const structs = new Set(members.map((member) => member.split('.')[0] ?? ''));
  const names = findNames(sections.strings, [...functions, ...structs]);
  const wanted = { functions: new Set(functions), structs };
  const found = walk(sections, names, wanted);
  const args = new Map<string, number>();
  for (const [name, protos] of found.protos) {
    // One static name in several files: believe the one with the most arguments, it is the one that would not load.
    const most = Math.max(...protos.map((id) => found.arities[id] ?? 0));
    if (most > 0) args.set(name, most - 1);
  }
  const has = new Map<string, boolean>();
  for (const member of members) {
    const [struct = '', field = ''] = member.split('.');
    const fields = found.fields.get(struct);
    if (fields !== undefined) has.set(member, fields.includes(field));
  }
  return { args, members: has };
};

/** The parts of a BTF. */
export type Sections = { readonly types: DataView; readonly strings: Buffer; readonly isLittle: boolean };

/** null when the bytes are not BTF. */
export const readHeader = (bytes: Uint8Array): Sections | null => {
  if (bytes.byteLength < 24) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = view.getUint16(0, true) === MAGIC;
  if (!isLittle && view.getUint16(0, false) !== MAGIC) return null;
  const [headerLen, typeOff, typeLen, strOff, strLen] = [4, 8, 12, 16, 20].map((at) =>
    view.getUint32(at, isLittle),
  ) as [number, number, number, number, number];
  const fits = (offset: number, length: number): boolean => headerLen + offset + length <= bytes.byteLength;
  if (!fits(typeOff, typeLen) || !fits(strOff, strLen)) return null;
  const from = bytes.byteOffset + headerLen;
  return {
    types: new DataView(bytes.buffer, from + typeOff, typeLen),
    strings: Buffer.from(bytes.buffer, from + strOff, strLen),
    isLittle,
  };
};

/** Offset in the string section -> name, for whole strings only. */
export const findNames = (strings: Buffer, names: readonly string[]): ReadonlyMap<number, string> => {
  const found = new Map<number, string>();
  for (const name of names) {
    const at = strings.indexOf(`\0${name}\0`, 0, 'latin1');
    if (at >= 0) found.set(at + 1, name);
  }
  return found;
};

/** A name, empty when the offset is none. */
export const stringAt = (strings: Buffer, offset: number): string => {
  const end = strings.indexOf(0, offset);
  return offset >= strings.length || end < 0 ? '' : strings.toString('latin1', offset, end);
};

type Found = {
  /** Function -> ids of its FUNC_PROTO types. */
  readonly protos: Map<string, number[]>;
  /** Type id -> number of arguments + 1 of a FUNC_PROTO, 0 of any other type. */
  readonly arities: Uint32Array;
  /** Struct -> its own members, without those of anonymous structs inside. */
  readonly fields: Map<string, string[]>;
};

const walk = (
  { types, strings, isLittle }: Sections,
  names: ReadonlyMap<number, string>,
  wanted: { readonly functions: ReadonlySet<string>; readonly structs: ReadonlySet<string> },
): Found => {
  const found: Found = {
    protos: new Map(),
    // No type takes less than 12 bytes. A FUNC may stand before its FUNC_PROTO: keep every arity.
    arities: new Uint32Array(Math.ceil(types.byteLength / 12) + 1),
    fields: new Map(),
  };
  // Type 0 is void and not stored: the first is 1.
  for (let at = 0, id = 1; at + 12 <= types.byteLength; id++) {
    const info = types.getUint32(at + 4, isLittle);
    const kind = (info >>> 24) & 0x1f;
    const vlen = info & 0xffff;
    const extra = EXTRA[kind];
    if (extra === undefined) break;
    const next = at + 12 + extra[0] + vlen * extra[1];
    if (next > types.byteLength) break;
    if (kind === KIND.funcProto) found.arities[id] = vlen + 1;
    else if (kind === KIND.func || kind === KIND.struct) {
      const name = names.get(types.getUint32(at, isLittle));
      if (name !== undefined && kind === KIND.func && wanted.functions.has(name)) {
        const protos = found.protos.get(name) ?? [];
        found.protos.set(name, [...protos, types.getUint32(at + 8, isLittle)]);
      } else if (name !== undefined && kind === KIND.struct && !found.fields.has(name)) {
        const offsets = Array.from({ length: vlen }, (_, i) => types.getUint32(at + 12 + 12 * i, isLittle));
        found.fields.set(
          name,
          offsets.map((offset) => stringAt(strings, offset)),
        );
      }
    }
    at = next;
  }
  return found;
};
