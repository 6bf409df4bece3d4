import { describe, expect, it } from 'vitest';
import {
  foldMapped,
  formatEndpoint,
  formatProto,
  isIPv6,
  isWildcard,
  parseProcAddress,
} from '../../../../src/core/text/endpoint.js';

describe('addresses of /proc/net/tcp', () => {
  it.each([
    ['0100007F', '127.0.0.1'],
    ['00000000', '0.0.0.0'],
    ['FFFFFFFF', '255.255.255.255'],
    ['0a00000A', '10.0.0.10'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000001000000', '::1'],
    ['B80D0120000000000000000001000000', '2001:db8::1'],
    ['0000000000000000FFFF00000100007F', '::ffff:127.0.0.1'],
    ['000080FE00000000FF005450B6AD1DFE', 'fe80::5054:ff:fe1d:adb6'],
    // RFC 5952, 4.2.2: one zero group is not shortened; 4.2.3: of two equal runs the first is.
    ['B80D0120010000000100010001000100', '2001:db8:0:1:1:1:1:1'],
    ['B80D0120000000000000010001000000', '2001:db8::1:0:0:1'],
    ['01000000000000000000000000000000', '0:1::'],
    ['0100007', null],
    ['0100007G', null],
    ['', null],
    ['0100007F ', null],
    ['0100007F0100007F', null],
  ])('%s is %s', (hex, address) => expect(parseProcAddress(hex)).toBe(address));
});

describe('text', () => {
  it.each([
    ['10.0.0.1', 80, '10.0.0.1:80'],
    ['::', 443, '[::]:443'],
    ['::ffff:10.0.0.1', 1, '[::ffff:10.0.0.1]:1'],
  ])('%s port %i is %s', (address, port, text) => expect(formatEndpoint(address, port)).toBe(text));

  it.each([
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:0:1', '::ffff:0:1'],
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
  ])('folds %s to %s', (address, folded) => expect(foldMapped(address)).toBe(folded));

  it.each([
    ['0.0.0.0', { proto: 'tcp4', isIPv6: false, isWildcard: true }],
    ['::', { proto: 'tcp6', isIPv6: true, isWildcard: true }],
    ['127.0.0.1', { proto: 'tcp4', isIPv6: false, isWildcard: false }],
    ['::1', { proto: 'tcp6', isIPv6: true, isWildcard: false }],
  ])('knows the kind of %s', (address, kind) =>
    expect({
      proto: formatProto('tcp', address),
      isIPv6: isIPv6(address),
      isWildcard: isWildcard(address),
    }).toEqual(kind),
  );
});
