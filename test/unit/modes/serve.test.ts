import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import type { Mode } from '../../../src/modes/mode.js';
import { openService } from '../../../src/modes/serve.js';
import { attached, ended, meta } from '../events.js';
import { liveSource } from '../source.js';
import { givenTo } from './options.js';

const LISTEN = { host: '127.0.0.1', port: 0 };

let source = liveSource([]);
let given = givenTo({ kind: 'serve', listen: LISTEN }, {}, { source });
let service: Mode | null = null;
const restarts = (): number => source.restarts();
const said = (): string[] => given.stderr.text().split('\n').slice(0, -1);

beforeEach(() => {
  source = liveSource([]);
  given = givenTo({ kind: 'serve', listen: LISTEN }, {}, { source });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  service?.close();
  vi.useRealTimers();
});

const open = async () => {
  const mode = await openService(given.options, LISTEN);
  service = mode;
  return (...events: readonly Event[]): void => given.feed(mode, events);
};

describe('a service whose bpftrace ends', () => {
  it('starts it again, and waits twice as long each time it does not stay', async () => {
    const feed = await open();
    feed(meta(), attached(1));
    const waits = [1, 2, 4, 8, 16, 32, 60, 60];
    for (const [i, seconds] of waits.entries()) {
      feed(ended(2 + i, 'bpftrace ended (SIGKILL)\nout of \u001b[31mmemory'));
      vi.advanceTimersByTime(seconds * 1000 - 1);
      expect(restarts()).toBe(i);
      vi.advanceTimersByTime(1);
      expect(restarts()).toBe(i + 1);
    }
    expect(said().at(-1)).toBe(
      'reuseport-trace: bpftrace ended (SIGKILL) | out of ?[31mmemory; it is started again in 60 s',
    );
  });

  it('waits a second again after one that stayed for a minute', async () => {
    const feed = await open();
    feed(meta(), attached(1), ended(2));
    vi.advanceTimersByTime(1000);
    feed(attached(4));
    vi.advanceTimersByTime(59_000);
    feed(ended(63));
    vi.advanceTimersByTime(1999);
    expect(restarts()).toBe(1);
    vi.advanceTimersByTime(1);
    feed(attached(66));
    vi.advanceTimersByTime(60_000);
    feed(ended(126));
    vi.advanceTimersByTime(1000);
    expect(restarts()).toBe(3);
  });

  it('does not start it after it was asked to end, or was closed', async () => {
    const feed = await open();
    feed(meta(), attached(1), ended(2, ''));
    vi.advanceTimersByTime(100_000);
    expect(restarts()).toBe(0);
    feed(attached(3), ended(4));
    service?.close();
    vi.advanceTimersByTime(100_000);
    feed(ended(5));
    vi.advanceTimersByTime(100_000);
    expect(restarts()).toBe(0);
  });
});

describe('openService', () => {
  it('says where it is, and what to try where it cannot be', async () => {
    await open();
    const [, port = '0'] = /http:\/\/127\.0\.0\.1:(\d+)\/metrics/.exec(said()[0] ?? '') ?? [];
    await expect(openService(given.options, { ...LISTEN, port: Number(port) })).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining(`cannot listen on 127.0.0.1:${port}: `),
      hint: expect.stringContaining(`ss -ltnp sport = :${port}`),
      exitCode: 1,
    });
  });
});
