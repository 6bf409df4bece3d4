// The source ports of an IPv4 client as a user writes them: one, a range, or those that Linux gives out by itself.
import { isIPv6 } from './endpoint.js';

export type Sources = {
  /** As the user wrote it. */
  readonly text: string;
  readonly raddr: string;
  readonly from: number;
  readonly to: number;
};

/** net.ipv4.ip_local_port_range by default. */
export const EPHEMERAL = { from: 32_768, to: 60_999 } as const;

/** `10.0.0.7`, `10.0.0.7:40012`, `10.0.0.7:40000-40999`; an IPv6 client as it is written, alone or in brackets. null when it is none of these. */
export const parseSources = (text: string): Sources | null => {
  const [, six, four, first, last = first] =
    /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::(\d{1,5})(?:-(\d{1,5}))?)?$/i.exec(text) ?? [];
  const raddr = six ?? four ?? (/^[\da-f:.]+:[\da-f:.]*$/i.test(text) ? text : null);
  if (raddr === null || !(isIPv6(raddr) || isDotted(raddr))) return null;
  if (first === undefined || last === undefined) return { text, raddr, ...EPHEMERAL };
  const [from, to] = [Number(first), Number(last)];
  return from >= 1 && from <= to && to <= 65_535 ? { text, raddr, from, to } : null;
};

/** Four numbers up to 255 without leading zeros, which some read as octal. */
const isDotted = (address: string): boolean =>
  /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/.test(address) &&
  address.split('.').every((byte) => Number(byte) <= 255);
