// Makes small BTF images by hand, after Documentation/bpf/btf.rst; it knows no kernel.

export type BtfContent = {
  /** [name, number of arguments]; a name may come twice. */
  readonly functions?: readonly (readonly [string, number])[];
  readonly structs?: Readonly<Record<string, readonly string[]>>;
  readonly isLittle?: boolean;
  /** A type of this kind stands before everything else. */
  readonly firstKind?: number;
};

/** The bytes of /sys/kernel/btf/vmlinux of a kernel that has just these. */
export const makeBtf = ({ functions = [], structs = {}, isLittle = true, firstKind }: BtfContent): Buffer => {
  const words: number[] = [];
  let strings = '\0';
  let types = 0;
  const text = (name: string): number => {
    const offset = strings.length;
    strings += `${name}\0`;
    return offset;
  };
  const type = (
    name: number,
    kind: number,
    vlen: number,
    last: number,
    extra: readonly number[] = [],
  ): number => {
    words.push(name, (kind << 24) | vlen, last, ...extra);
    return ++types;
  };
  if (firstKind !== undefined) type(0, firstKind, 0, 0);
  const int = type(text('int'), 1, 0, 4, [0x20]);
  for (const [name, members] of Object.entries(structs)) {
    const extra = members.flatMap((member) => [text(member), int, 0]);
    type(text(name), 4, members.length, 8, extra);
  }
  for (const [name, args] of functions) {
    const proto = type(
      0,
      13,
      args,
      int,
      Array.from({ length: 2 * args }, () => 0),
    );
    type(text(name), 12, 1, proto);
  }
  const typeBytes = 4 * words.length;
  const bytes = Buffer.alloc(24 + typeBytes + strings.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint16(0, 0xeb9f, isLittle);
  view.setUint8(2, 1);
  for (const [i, word] of [24, 0, typeBytes, typeBytes, strings.length, ...words].entries()) {
    view.setUint32(4 + 4 * i, word, isLittle);
  }
  bytes.write(strings, 24 + typeBytes, 'latin1');
  return bytes;
};
