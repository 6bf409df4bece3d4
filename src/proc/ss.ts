// Asks `ss` of iproute2 for the sockets on one port, and reads what it prints; it knows nobody who holds one.

import { execFile } from 'node:child_process';
import type { Obstacle, Proto } from '../core/event.js';
import { foldMapped } from '../core/text/endpoint.js';

/** What ss prints of a socket; who holds it is asked elsewhere: it would print names that anybody may choose. */
export type Row = Omit<Obstacle, 'holder'>;

const ANSWER_MS = 3000;
/** Some hundred sockets: more say no more of one port. */
const ANSWER_BYTES = 65_536;
const ROWS = 256;

/**
 * The sockets on a local port, in the network namespace of the process `inside` (null = that of the tool); null when ss is not
 * there, has no answer in time, or the kernel does not let it ask (no sock_diag modules). Never rejects.
 */
export const socketsOn = async (
  proto: Proto,
  port: number,
  inside: number | null,
  root = '/proc',
): Promise<Row[] | null> => {
  const text = await run(
    ['ss', '-H', '-O', '-n', '-a', proto === 'udp' ? '-u' : '-t', '-e', '-o', `sport = :${port}`],
    inside,
    root,
  );
  return text === null
    ? null
    : text
        .split('\n')
        .flatMap((line) => parseRow(line) ?? [])
        .slice(0, ROWS);
};

/** What a command prints, at most so much of it; null when it fails. Nothing of it goes through a shell. */
export const run = (
  command: readonly [string, ...string[]],
  inside: number | null,
  root: string,
): Promise<string | null> => {
  const [program, ...args] =
    inside === null ? command : ['nsenter', `--net=${root}/${inside}/ns/net`, '--', ...command];
  const options = { timeout: ANSWER_MS, maxBuffer: ANSWER_BYTES, encoding: 'latin1' } as const;
  return new Promise((resolve) => {
    execFile(program ?? '', args, { ...options, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout) => {
      // Too much of it is an answer, too: its last line may be cut.
      const isLong = error !== null && (error as NodeJS.ErrnoException).code === TOO_LONG;
      resolve(error === null || isLong ? stdout : null);
    });
  });
};

const TOO_LONG = 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER';

/** `ESTAB 0 0 127.0.0.1:18806 127.0.0.1:700 uid:1000 ino:142883 sk:1 ...`; null for a line of another form. */
export const parseRow = (line: string): Row | null => {
  const [, state, local = '', remote = '', rest = ''] =
    /^([A-Z0-9-]+)\s+\d+\s+\d+\s+(\S+)\s+(\S+)(.*)$/.exec(line) ?? [];
  const [near, far] = [endpointOf(local), endpointOf(remote)];
  if (state === undefined || near === null || far === null) return null;
  const word = (name: string): string | null => new RegExp(`(?:^|\\s)${name}:(\\d+)`).exec(rest)?.[1] ?? null;
  const timer = /\btimer:\(timewait,(?:(\d+)min)?(?:([\d.]+)(ms|sec))?/.exec(rest);
  const seconds =
    timer === null
      ? null
      : 60 * Number(timer[1] ?? 0) + (timer[3] === 'ms' ? 0 : Math.round(Number(timer[2] ?? 0)));
  return {
    state,
    laddr: near.address,
    lport: near.port,
    raddr: far.address,
    rport: far.port,
    ino: Number(word('ino') ?? 0),
    uid: Number(word('uid') ?? 0),
    isSixOnly: /\bv6only:1\b/.test(rest),
    seconds,
  };
};

/** `127.0.0.1:80`, `[::1]:80`, `0.0.0.0%eth0:80`, `*:*`; port 0 = any. */
const endpointOf = (text: string): { readonly address: string; readonly port: number } | null => {
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+|\*))(?:%[^:]*)?:(\d+|\*)$/.exec(text) ?? [];
  if (port === undefined) return null;
  const address = six ?? (four === '*' ? '::' : (four ?? ''));
  return { address: foldMapped(address), port: port === '*' ? 0 : Number(port) };
};
