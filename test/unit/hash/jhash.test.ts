import { describe, expect, it } from 'vitest';
import { jhash, termsOf, tupleOf, withPort } from '../../../src/hash/jhash.js';

/** Printed by a C program around the kernel's own macros (include/linux/jhash.h), on x86-64: inside, then added. */
const REFERENCE = [
  ['127.0.0.1', 8888, '127.0.0.1', 41651, 0x0, 3898490537, 3973951427],
  ['10.0.0.5', 443, '192.168.255.254', 1, 0xdeadbeef, 1510475724, 1614849311],
  ['255.255.255.255', 65535, '1.2.3.4', 65535, 0xffffffff, 160416461, 885367575],
  ['10.0.3.18', 53, '10.0.0.7', 40012, 0x12345678, 1671529995, 2716287165],
] as const;

describe('jhash', () => {
  it.each(REFERENCE)(
    'hashes %s:%i <- %s:%i as the kernel does',
    (laddr, lport, raddr, rport, seed, ...hashes) => {
      const tuple = tupleOf({ laddr, lport, raddr, rport });
      if (tuple === null) throw new Error('no tuple');
      const seen = (['inside', 'added'] as const).map((formula) => jhash(termsOf(formula, tuple), seed));
      expect(seen).toEqual(hashes);
    },
  );

  it('takes another port of the same client', () => {
    const at = { laddr: '10.0.0.5', lport: 443, raddr: '10.0.0.7' };
    const tuple = tupleOf({ ...at, rport: 1 });
    if (tuple === null) throw new Error('no tuple');
    expect(withPort(tuple, 40_012)).toEqual(tupleOf({ ...at, rport: 40_012 }));
  });

  it.each(['::1', '10.0.0', '10.0.0.256', '', 'x'])('has no tuple of %s', (laddr) => {
    expect(tupleOf({ laddr, lport: 1, raddr: '10.0.0.1', rport: 1 })).toBeNull();
  });
});
