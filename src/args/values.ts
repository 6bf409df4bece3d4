// Reads one value of an option each: a port, a time, a size, an address; or says what it is not like.
import { InvalidArgumentError } from 'commander';
import { type Moment, parseMoment } from '../core/text/moment.js';
import { type Client, parseClient } from '../core/words/explain.js';
import type { Listen } from './request.js';

/** Port 9475 of this host alone: metrics name processes, which is nobody else's business unless somebody says so. */
export const DEFAULT_LISTEN: Listen = { host: '127.0.0.1', port: 9475 };

/** setTimeout takes 2^31 ms at most, 24 days. */
const LONGEST_SECONDS = 2_000_000;

export const ports = (text: string, previous: number[] = []): number[] => [
  ...previous,
  ...text.split(',').map(integer('a port', 1, 65_535)),
];

export const integer =
  (what: string, lowest: number, highest: number) =>
  (text: string): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= lowest && value <= highest) return value;
    throw new InvalidArgumentError(`'${text}' is not ${what} from ${lowest} to ${highest}.`);
  };

export const seconds = (text: string): number => {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && value > 0 && value <= LONGEST_SECONDS) return value;
  throw new InvalidArgumentError(
    `'${text}' is not a number of seconds above 0 and up to ${LONGEST_SECONDS}.`,
  );
};

export const client = (text: string): Client => {
  const value = parseClient(text);
  if (value !== null) return value;
  throw new InvalidArgumentError(`'${text}' is not like 10.0.0.1, 10.0.0.1:80, ::1 or [::1]:80.`);
};

/** An address without a port. */
export const address = (text: string): string => {
  if (parseClient(text)?.port === null && !text.startsWith('[')) return text;
  throw new InvalidArgumentError(`'${text}' is not an address such as 10.0.0.1.`);
};

/** An address of this host, with a port or at the default one. */
export const listen = (text: string): Listen => {
  const value = parseClient(text);
  const [, six, four] = /^(?:\[(.+)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? [];
  if (value !== null) return { host: six ?? four ?? text, port: value.port ?? DEFAULT_LISTEN.port };
  throw new InvalidArgumentError(`'${text}' is not like 127.0.0.1:9475, 0.0.0.0:9475 or [::]:9475.`);
};

export const moment = (text: string): Moment => {
  const value = parseMoment(text);
  if (value !== null) return value;
  throw new InvalidArgumentError(`'${text}' is not like 90, 1h30m, 03:12, 03:12:45 or '2026-11-23 03:12'.`);
};

/** Below this the parts of a recording would hold little. */
const LEAST_SIZE = 8 << 20;

/** Bytes, in binary units as `ls -h` and logrotate have them. */
export const size = (text: string): number => {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes =
    digits === '' ? Number.NaN : Number(digits) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' ');
  if (bytes >= LEAST_SIZE && bytes <= Number.MAX_SAFE_INTEGER) return Math.floor(bytes);
  throw new InvalidArgumentError(`'${text}' is not a size of 8M or more, such as 500M or 2G.`);
};

/** 0 = as fast as possible. */
export const speedFactor = (text: string): number => {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text)) return value === 0 ? Number.POSITIVE_INFINITY : value;
  throw new InvalidArgumentError(`'${text}' is not a factor of 0 or more.`);
};
