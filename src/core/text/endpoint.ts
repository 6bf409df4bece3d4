// How an address and port are written and compared, as people and `ss` write them; it resolves no names.

/**
 * Folds a v4-mapped address (`::ffff:10.0.0.1`) to the IPv4 address it stands for (RFC 4291, section 2.5.5.2): such a
 * connection reached an AF_INET6 socket over IPv4. Other addresses come back as they are.
 */
export const foldMapped = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;

/** `10.0.0.1:80`, `[::1]:80`. */
export const formatEndpoint = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** True for an IPv6 address in text. */
export const isIPv6 = (address: string): boolean => address.includes(':');

/** The address of a socket that is bound to an interface, as RFC 4007 writes its zone: `fe80::77%3`, `0.0.0.0%2`. */
export const withDevice = (address: string, device: number | null): string =>
  device === null ? address : `${address}%${device}`;

/** The address alone, without the interface. */
export const withoutDevice = (address: string): string => {
  const at = address.indexOf('%');
  return at < 0 ? address : address.slice(0, at);
};

/** The interface behind an address, as text; null = it is bound to none. */
export const deviceOf = (address: string): string | null => {
  const at = address.indexOf('%');
  return at < 0 ? null : address.slice(at + 1);
};

/** `0.0.0.0` and `::`: every local address, be it of one interface alone. */
export const isWildcard = (address: string): boolean => {
  const bare = withoutDevice(address);
  return bare === '0.0.0.0' || bare === '::';
};

/** `tcp4`, `udp6`: protocol and family as `ss` and netstat name them. */
export const formatProto = (proto: string, laddr: string): string => `${proto}${isIPv6(laddr) ? 6 : 4}`;

/**
 * An address of /proc/net/tcp (host-order 32-bit words in hex: `0100007F`, or four of them for IPv6) as text.
 * Returns null when it is neither 8 nor 32 hex digits. Source: get_tcp4_sock and get_tcp6_sock, net/ipv4/tcp_ipv4.c.
 */
export const parseProcAddress = (hex: string): string | null => {
  if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return null;
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8) {
    for (let byte = 6; byte >= 0; byte -= 2) {
      bytes.push(Number.parseInt(hex.slice(word + byte, word + byte + 2), 16));
    }
  }
  return bytes.length === 4 ? bytes.join('.') : formatIPv6(bytes);
};

/** 16 bytes as RFC 5952 text: the longest run of two or more zero groups becomes `::`, v4-mapped keeps its dots. */
const formatIPv6 = (bytes: readonly number[]): string => {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) {
    return `::ffff:${bytes.slice(12).join('.')}`;
  }
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((g) => g.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
};
