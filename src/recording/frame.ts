// What frames the events of a recording: its first line, and the seals that tell whether lines are as they were written.

import type { Scope } from '../core/state/state.js';
import { parseEvent, parseObject } from '../core/wire/json.js';

/** Version of what follows the first line. 1 had neither seals nor parts; what is written now is 2, both are read. */
export const FORMAT = 2;

/** What the first line of a recording says. */
export type Header = {
  readonly format: number;
  /** What the user asked to see; null = not said. */
  readonly scope: Scope | null;
  /** Tells the parts of one run from those of others; empty = it has one part. */
  readonly run: string;
  /** Position among the parts of the run, from 1. */
  readonly part: number;
  /** Events after the first line that only bring a State to where this part begins (recording/preamble). */
  readonly preamble: number;
};

/** The first line, without its end. */
export const formatHeader = ({ scope, run, part, preamble }: Omit<Header, 'format'>): string =>
  JSON.stringify({ recording: 'reuseport-trace', format: FORMAT, run, part, preamble, scope });

/** What a first line says about a file, or why it is none that can be read. */
export const readHeader = (line: string): Header | { readonly why: string; readonly hint: string } => {
  const value = parseObject(line);
  const hint = 'record one with --record FILE';
  if (value === null) return { why: 'its first line is not JSON', hint };
  // The output of `--output ndjson`, kept in a file, has no header and is as good, but for its seals.
  if (value.kind === 'meta' && parseEvent(line) !== null) return UNFRAMED;
  if (value.recording !== 'reuseport-trace') return { why: 'it was not written by reuseport-trace', hint };
  const { format, run, part, preamble } = value;
  if (!isPositive(format)) return { why: 'its header names no format', hint };
  if (format > FORMAT) {
    const why = `its format ${format} is newer than this version reads (${FORMAT})`;
    return { why, hint: 'install a newer reuseport-trace' };
  }
  if (format === 1) return UNFRAMED;
  if (typeof run !== 'string' || run.length > 64 || !isPositive(part) || !isPositive(preamble, 0))
    return { why: 'its header lacks what format 2 needs', hint };
  return { format, run, part, preamble, scope: scopeIn(value.scope) };
};

const UNFRAMED: Header = { format: 1, scope: null, run: '', part: 1, preamble: 0 };

const isPositive = (value: unknown, least = 1): value is number =>
  Number.isSafeInteger(value) && Number(value) >= least;

const scopeIn = (value: unknown): Scope | null => {
  if (typeof value !== 'object' || value === null) return null;
  const { ports, family, proto, netns, pid } = value as Record<string, unknown>;
  if (!Array.isArray(ports) || ports.length > 65_536 || !ports.every((port) => isPositive(port))) return null;
  if (family !== null && family !== 4 && family !== 6) return null;
  if ((netns !== null && !isPositive(netns)) || (pid !== null && !isPositive(pid))) return null;
  const one: Pick<Scope, 'proto'> = proto === 'tcp' || proto === 'udp' ? { proto } : {};
  return { ports: ports as number[], family, ...one, netns, pid };
};

/** The bytes that a line begins with which is a seal. No event does, and no name can hold a line end to forge one. */
export const SEAL = '{"seal":';

/**
 * The line that follows a block of lines: the CRC-32 of the bytes of all lines so far but seals, line ends and all, so that
 * a block that is missing, doubled or moved shows as well. isLast: the run was ended in order.
 */
export const formatSeal = (crc32: number, isLast: boolean): string =>
  JSON.stringify({ seal: hex(crc32), ...(isLast ? { last: true } : {}) });

/** What a seal says: whether these are the bytes that it was made for, and whether it is the last; null = it is none. */
export const readSeal = (line: string, crc32: number): { readonly isLast: boolean } | null => {
  const value = parseObject(line);
  return value !== null && value.seal === hex(crc32) ? { isLast: value.last === true } : null;
};

const hex = (crc32: number): string => crc32.toString(16).padStart(8, '0');
