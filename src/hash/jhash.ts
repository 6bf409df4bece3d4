// The hash of a 4-tuple as the kernel computes it for an IPv4 socket: inet_ehashfn and udp_ehashfn, as pure arithmetic.

/**
 * Where the local port goes. `inside`: jhash_3words(laddr, faddr, lport << 16 | fport, seed), which is inet_ehashfn up to
 * 6.14 and udp_ehashfn of all versions; `added`: lport + jhash_3words(laddr, faddr, fport, seed), inet_ehashfn since 6.15
 * (net/ipv4/inet_hashtables.c, net/ipv4/udp.c). Distributions take changes back, so no version number tells which.
 */
export type Formula = 'inside' | 'added';
export const FORMULAS: readonly Formula[] = ['inside', 'added'];

/** A connection as the words that the kernel hashes: all in network order as this machine loads them, but lport in host order. */
export type Tuple = {
  readonly laddr: number;
  readonly lport: number;
  readonly raddr: number;
  readonly rport: number;
};

/** The words given to jhash_3words, less the seed that is added to each, and what is added to its result. */
export type Terms = { readonly a: number; readonly b: number; readonly c: number; readonly add: number };

/** JHASH_INITVAL + (3 << 2): what jhash_3words adds to the seed (include/linux/jhash.h). */
const INITVAL = (0xdeadbeef + 12) | 0;

export const termsOf = (formula: Formula, { laddr, lport, raddr, rport }: Tuple): Terms => {
  const [third, add] = formula === 'inside' ? [(lport << 16) | rport, 0] : [rport, lport];
  return { a: (laddr + INITVAL) | 0, b: (raddr + INITVAL) | 0, c: (third + INITVAL) | 0, add };
};

const rol = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** jhash_3words with the terms of a tuple; 0 to 2^32 - 1. */
export const jhash = (terms: Terms, seed: number): number => {
  let a = (terms.a + seed) | 0;
  let b = (terms.b + seed) | 0;
  let c = (terms.c + seed) | 0;
  // __jhash_final
  c = ((c ^ b) - rol(b, 14)) | 0;
  a = ((a ^ c) - rol(c, 11)) | 0;
  b = ((b ^ a) - rol(a, 25)) | 0;
  c = ((c ^ b) - rol(b, 16)) | 0;
  a = ((a ^ c) - rol(c, 4)) | 0;
  b = ((b ^ a) - rol(a, 14)) | 0;
  c = ((c ^ b) - rol(b, 24)) | 0;
  return (c + terms.add) >>> 0;
};

/** The tuple of two IPv4 endpoints as they are printed; null when one of them is no IPv4 address. */
export const tupleOf = (at: { laddr: string; lport: number; raddr: string; rport: number }): Tuple | null => {
  const laddr = addressWord(at.laddr);
  const raddr = addressWord(at.raddr);
  return laddr === null || raddr === null
    ? null
    : { laddr, lport: at.lport, raddr, rport: portWord(at.rport) };
};

/** The same connection from another source port. */
export const withPort = (tuple: Tuple, rport: number): Tuple => ({ ...tuple, rport: portWord(rport) });

/** `__be32` as the processor loads it: typed arrays have its byte order. */
const addressWord = (address: string): number | null => {
  const bytes = /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address) ? address.split('.').map(Number) : [];
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return null;
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0] ?? null;
};

/** `__be16` likewise. */
const portWord = (port: number): number =>
  new Uint16Array(Uint8Array.of(port >> 8, port & 255).buffer)[0] ?? 0;
