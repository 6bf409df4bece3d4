// Knows how to start a Node process on a socket with SO_REUSEPORT; refuses to know what that process does with it.

import { createServer } from 'node:net';
import { findCommand } from '../bpftrace/command.js';

// Node 20 ignores `listen({ reusePort: true })` silently, so another program makes the socket, binds it and becomes
// Node (same pid) with the descriptor's number as last argument. listen() is left to Node: the kernel adds a socket to
// the group there, and by then the process has its name. SO_REUSEADDR: or the connections that one demo leaves in
// TIME_WAIT would keep the port from the next. $^F: perl sets close-on-exec on descriptors above it.
const PERL = `use Socket;
my $port = shift;
$^F = 255;
socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!\\n";
setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "SO_REUSEADDR: $!\\n";
setsockopt($socket, SOL_SOCKET, 15, 1) or die "SO_REUSEPORT: $!\\n";
bind($socket, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "bind: $!\\n";
exec @ARGV, fileno $socket or die "exec: $!\\n";`;

const PYTHON = `import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind(('127.0.0.1', int(sys.argv[1])))
s.set_inheritable(True)
os.execv(sys.argv[2], sys.argv[2:] + [str(s.fileno())])`;

/** How many ports are tried, from the wanted one up. */
const PORTS_TRIED = 100;

/** Where the program is, undefined when it is nowhere. Root's folders are missing in the PATH of Debian's users, and bpftrace or sudo may be there. */
export function findProgram(name: string): string | undefined {
  return findCommand(name, `${process.env.PATH ?? ''}:/usr/sbin:/sbin`) ?? undefined;
}

/**
 * The command that binds 127.0.0.1:port with SO_REUSEPORT and becomes `node script ...args FD`. undefined when there is
 * neither perl nor python3.
 */
export function commandOnPort(
  port: number,
  script: string,
  args: readonly string[],
): { readonly program: string; readonly args: readonly string[] } | undefined {
  const become = [String(port), process.execPath, script, ...args];
  const perl = findProgram('perl');
  if (perl !== undefined) return { program: perl, args: ['-e', PERL, ...become] };
  const python = findProgram('python3');
  if (python !== undefined) return { program: python, args: ['-c', PYTHON, ...become] };
  return undefined;
}

/**
 * The wanted port, or the next that nobody listens on; undefined when a hundred are taken. Asked without SO_REUSEPORT:
 * with it, the demo could join somebody else's group.
 */
export async function freePort(wanted: number): Promise<number | undefined> {
  for (let port = wanted; port < wanted + PORTS_TRIED && port <= 65_535; port++) {
    if (await isFree(port)) return port;
  }
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
