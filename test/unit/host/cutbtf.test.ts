import { describe, expect, it } from 'vitest';
import { readBtf } from '../../../src/host/btf.js';
import { cutBtf } from '../../../src/host/cutbtf.js';
import { makeBtf } from './btf-image.js';

const BTF = makeBtf({
  functions: [
    ['asked', 2],
    ['other', 3],
  ],
  structs: { sock: ['sk_state', 'sk_ino', 'sk_other'], group: ['n'] },
});
const MEMBERS = ['sock.sk_state', 'sock.sk_ino', 'sock.sk_other', 'group.n'];

const cut = (program: string, functions: readonly string[] = []) => {
  const bytes = cutBtf(BTF, program, functions);
  expect(bytes).not.toBeNull();
  return readBtf(bytes ?? new Uint8Array(), ['asked', 'other'], MEMBERS);
};

describe('what is cut out of the types of a kernel', () => {
  it('is the structs that a program names, and of these the members', () => {
    expect(Object.fromEntries(cut('x { $sk = (struct sock *)1; @ = $sk->sk_ino; }')?.members ?? [])).toEqual({
      'sock.sk_state': false,
      'sock.sk_ino': true,
      'sock.sk_other': false,
    });
  });

  it('is the functions whose arguments are read', () => {
    expect(cut('', ['asked'])?.args).toEqual(new Map([['asked', 2]]));
  });

  it('is nothing that only a comment names', () => {
    expect(cut('/* struct group has n: ->n */')?.members).toEqual(new Map());
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.alloc(5000, 0x9f)],
  ])('is nothing of %s', (_, bytes) => expect(cutBtf(bytes, 'struct sock')).toBeNull());
});
