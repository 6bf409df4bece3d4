// Writes the events of a run to a file beside any other output, for `replay`: sealed every second, in parts where the size is limited.
import { randomUUID } from 'node:crypto';
import { closeSync, lstatSync, renameSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Event } from '../core/event.js';
import { concerns, type Scope, type State } from '../core/state/state.js';
import { formatEvent } from '../core/wire/json.js';
import { exists, openNew, removeFile } from '../newfile.js';
import { formatHeader, formatSeal } from './frame.js';
import { openPart, type Part } from './part.js';
import { preamble } from './preamble.js';

export type RecorderOptions = {
  readonly path: string;
  readonly scope: Scope;
  /** Most bytes on disk, in KEPT parts; null = one file without limit. */
  readonly maxBytes: number | null;
  /** What happens to files of that name: they go, they are kept under another one, or the recorder does not open. */
  readonly existing: 'overwrite' | 'keep' | 'refuse';
  /** Called once when writing fails, such as on a full disk: nothing is recorded from then on. */
  readonly onFailure: (why: string) => void;
};

export type Recorder = {
  /** Takes an event after State has; what does not concern what the user asked for is not written. */
  readonly take: (state: State, event: Event) => void;
  /** Writes what waits, with its seal, before its time. */
  readonly seal: () => void;
  /** Resolves when all is written, or cannot be. */
  readonly end: () => Promise<void>;
};

/** Parts of a recording of limited size: FILE is the newest, FILE.1 the one before it. The oldest goes when one more begins. */
export const KEPT = 4;
/** What the names of a run's files end in when a service has begun another run. */
export const ASIDE = '.before';
/** What a crash may take: events wait for at most this long, or so many bytes, until they are sealed and written. */
const SEAL_MS = 1000;
const SEAL_BYTES = 1 << 18;
/** A part ends so far below its limit that the last block before that cannot exceed it. */
const MARGIN = 2 * SEAL_BYTES;
/** What is left of events when they are packed, at most: an eighth is usual. */
const PACKED = 1 / 4;

/**
 * A service that starts again finds its own recording there: the last run's files get another name, `FILE.before` and
 * so on, in the place of those of the run before it, so that a service that starts for ever fills no disk.
 */
const setAside = (names: readonly string[]): void => {
  for (const name of names) removeFile(`${name}${ASIDE}`);
  for (const name of names)
    if (lstatSync(name, { throwIfNoEntry: false })?.isFile() === true) renameSync(name, `${name}${ASIDE}`);
};

/** Opens the file. Throws what the system says, or that a file is there. */
export const openRecorder = (options: RecorderOptions): Recorder => {
  const { path, scope, maxBytes, existing } = options;
  const names = Array.from({ length: maxBytes === null ? 1 : KEPT }, (_, i) =>
    i === 0 ? path : `${path}.${i}`,
  );
  if (existing === 'keep') setAside(names);
  const taken = existing === 'refuse' ? names.find(exists) : undefined;
  if (taken !== undefined) throw new Error(taken === path ? 'the file exists' : `${taken} exists`);
  for (const old of names) removeFile(old);
  const room = maxBytes === null ? Number.POSITIVE_INFINITY : maxBytes / KEPT - MARGIN;
  const run = randomUUID();
  let number = 0;
  let part: Part | null = null;
  let lines: string[] = [];
  let length = 0;
  let sum = 0;
  let timer: NodeJS.Timeout | null = null;
  const endings: Promise<void>[] = [];

  const fail = (why: string): void => {
    if (part === null) return;
    part = null;
    if (timer !== null) clearTimeout(timer);
    options.onFailure(why);
  };
  const add = (line: string): void => {
    lines.push(line);
    length += line.length + 1;
  };
  /** Writes what waits. */
  const seal = (isLast: boolean): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const block = lines.map((line) => `${line}\n`).join('');
    lines = [];
    length = 0;
    sum = crc32(block, sum);
    part?.write(`${block}${formatSeal(sum, isLast)}\n`);
  };
  const begin = (before: readonly string[]): void => {
    const fd = openNew(path);
    try {
      number++;
      sum = 0;
      part = openPart(fd, path.endsWith('.gz'), fail);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    add(formatHeader({ scope, run, part: number, preamble: before.length }));
    for (const line of before) add(line);
    seal(false);
  };
  const end = (): void => {
    seal(true);
    if (part !== null) endings.push(part.end());
  };
  /** FILE becomes FILE.1, and so on; the newest events go on in a new FILE. */
  const rotate = (state: State): void => {
    const before = part === null ? null : preamble(state)?.map(formatEvent);
    if (before === null || before === undefined) return;
    const size = before.reduce((sum, line) => sum + line.length, 0) * (path.endsWith('.gz') ? PACKED : 1);
    if (size > room / 2) return fail(`${state.members.size} sockets need more than its parts have room for`);
    end();
    if (part === null) return;
    try {
      for (let i = names.length - 1; i > 0; i--) {
        const [older = '', newer = ''] = [names[i], names[i - 1]];
        if (exists(newer)) renameSync(newer, older);
      }
      begin(before);
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  };

  begin([]);
  return {
    take: (state, event) => {
      if (part === null || !concerns(state, event)) return;
      add(formatEvent(event));
      if (length > SEAL_BYTES) seal(false);
      else timer ??= setTimeout(() => seal(false), SEAL_MS);
      // Sealing may have failed.
      if ((part?.bytes() ?? 0) > room) rotate(state);
    },
    seal: () => seal(false),
    end: async () => {
      end();
      await Promise.all(endings);
      part = null;
    },
  };
};
