// From which address and in which network namespace a member is reached, and the lines that do it by hand.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Proto } from '../core/event.js';
import { formatEndpoint } from '../core/text/endpoint.js';

/** Where a connection comes from. */
export type Route = {
  readonly proto: Proto;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** here: in the namespace of the tool; inside: in that of the group, by way of a process there; elsewhere: `from` is no address of this host. */
  readonly where: { readonly kind: 'here' | 'elsewhere' } | { readonly kind: 'inside'; readonly pid: number };
};

export type RouteOptions = {
  readonly proto: Proto;
  /** null = as the kernel would choose it. */
  readonly from: string | null;
  readonly to: string;
  readonly port: number;
  /** The group is in the tool's own namespace. */
  readonly isOwn: boolean;
  /** Addresses of the tool's own namespace. */
  readonly own: ReadonlySet<string>;
  /** A process in the namespace of the group. */
  readonly pid: number | null;
};

/** The route; null = nobody who could lead into that namespace is known. */
export const routeOf = ({ proto, from, to, port, isOwn, own, pid }: RouteOptions): Route | null => {
  // A connection to a local address comes from that address, to all of 127.0.0.0/8 from 127.0.0.1.
  const source = from ?? (to.startsWith('127.') ? '127.0.0.1' : to);
  const isHere = source.startsWith('127.') ? isOwn : own.has(source);
  const route = { proto, from: source, to, port };
  if (isHere) return { ...route, where: { kind: 'here' } };
  if (isOwn) return { ...route, where: { kind: 'elsewhere' } };
  return pid === null ? null : { ...route, where: { kind: 'inside', pid } };
};

/** The first of the programs that are installed, as lines to paste: all that is in them are addresses and numbers. */
export const linesOf = (
  route: Route,
  sourcePort: number,
  isInstalled: (program: string) => boolean,
): string[] => {
  const { proto, from, to, port, where } = route;
  const into = where.kind === 'inside' ? `nsenter -t ${where.pid} -n ` : '';
  const isPlain = from === to;
  const lines = {
    curl: `curl ${isPlain ? '' : `--interface ${from} `}--local-port ${sourcePort} http://${formatEndpoint(to, port)}/`,
    nc: `nc ${proto === 'udp' ? '-u ' : ''}${isPlain ? '' : `-s ${from} `}-p ${sourcePort} ${to} ${port}`,
    openssl: `openssl s_client -bind ${formatEndpoint(from, sourcePort)} -connect ${formatEndpoint(to, port)}`,
  };
  const programs = proto === 'udp' ? (['nc'] as const) : (['curl', 'nc', 'openssl'] as const);
  return programs.filter(isInstalled).map((program) => into + lines[program]);
};

/** Whether a program is in PATH. */
export const isInstalled = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
