// Knows what small BTF images say, that damaged ones say less and never throw, and that this machine's is read in time.
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBtf } from '../../../src/host/btf.js';
import { makeBtf } from './btf-image.js';

const FUNCTIONS = ['pick', 'bind', 'absent'];
const MEMBERS = ['reuse.incoming_cpu', 'reuse.gone', 'absent.x'];
const content = {
  functions: [
    ['pick', 4],
    ['bind', 7],
  ],
  structs: { reuse: ['num_socks', 'incoming_cpu'] },
} as const;
const read = (bytes: Uint8Array) => {
  const answer = readBtf(bytes, FUNCTIONS, MEMBERS);
  return answer === null
    ? null
    : { args: Object.fromEntries(answer.args), members: Object.fromEntries(answer.members) };
};
const EVERYTHING = {
  args: { pick: 4, bind: 7 },
  members: { 'reuse.incoming_cpu': true, 'reuse.gone': false },
};
const NOTHING = { args: {}, members: {} };

describe('readBtf', () => {
  it.each([
    ['little-endian', true],
    ['big-endian', false],
  ])('counts arguments and finds members in a %s image', (_, isLittle) => {
    expect(read(makeBtf({ ...content, isLittle }))).toEqual(EVERYTHING);
  });

  it('believes the most arguments of two functions with one name', () => {
    const functions = [
      ['pick', 7],
      ['pick', 2],
    ] as const;
    expect(read(makeBtf({ functions }))).toEqual({ args: { pick: 7 }, members: {} });
  });

  it('knows a function without arguments from none', () => {
    expect(read(makeBtf({ functions: [['pick', 0]] }))).toEqual({ args: { pick: 0 }, members: {} });
  });

  it('does not take the end of a longer name for the name', () => {
    expect(read(makeBtf({ functions: [['my_pick', 1]] }))).toEqual(NOTHING);
  });

  it('stops at a kind from a newer kernel', () => {
    expect(read(makeBtf({ ...content, firstKind: 31 }))).toEqual(NOTHING);
  });

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('this is not BTF, however long it may go on')],
    ['a header without the rest', makeBtf(content).subarray(0, 24)],
    [
      'a header that points outside',
      Buffer.concat([makeBtf(content).subarray(0, 12), Buffer.alloc(40, 0xff)]),
    ],
  ])('takes %s for no BTF', (_, bytes) => {
    expect(read(bytes)).toBeNull();
  });

  it('never throws on a damaged image', () => {
    const image = makeBtf(content);
    const damage = fc.array(fc.tuple(fc.nat(image.length - 1), fc.integer({ min: 0, max: 255 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(damage, fc.nat(image.length), (changes, length) => {
        const bytes = Buffer.from(image);
        for (const [at, value] of changes) bytes[at] = value;
        read(bytes.subarray(0, length));
        read(bytes);
      }),
    );
  });

  const file = '/sys/kernel/btf/vmlinux';
  it.skipIf(!existsSync(file))('reads the types of the running kernel', () => {
    const answer = readBtf(readFileSync(file), ['reuseport_select_sock'], ['sock_reuseport.num_socks']);
    expect([
      answer?.args.get('reuseport_select_sock'),
      answer?.members.get('sock_reuseport.num_socks'),
    ]).toEqual([4, true]);
  });
});
