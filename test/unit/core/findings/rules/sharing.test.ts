import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { acceptOf, at, close, listen, owners, pick, slot, socket } from '../../../events.js';
import { beats, found, said } from './said.js';

const alone: Event[] = [listen(1), slot(1, 0, 1)];
const acceptBy = (...pids: readonly number[]): Event[] =>
  pids.map((pid, i) => acceptOf(pick(1, 2 + i / 10, { n: 1 }), 1, pid));

describe('SO_REUSEPORT that is not in use', () => {
  it.each<[string, Event[], string]>([
    [
      'a master and its one worker',
      [owners(1, 7, 8), ...acceptBy(8, 8)],
      'i tcp 0.0.0.0:8888 has one socket that 2 processes hold: SO_REUSEPORT is set and not in use',
    ],
    [
      'a worker that others were before, as after reloads',
      [...acceptBy(5, 6, 8), owners(1, 7, 8)],
      'i tcp 0.0.0.0:8888 has one socket that 2 processes hold: SO_REUSEPORT is set and not in use',
    ],
    [
      'forked workers on one socket',
      [owners(1, 7, 8, 9), ...acceptBy(8, 9)],
      '! tcp 0.0.0.0:8888 has one socket on which 2 processes accept: SO_REUSEPORT is set and not in use',
    ],
  ])('%s', (_, events, expected) =>
    expect(said('not-sharing', [...alone, ...events, ...beats(2, 6)])).toEqual([expected]),
  );

  it.each([
    ['gunicorn: worker [app]', '!', /^gunicorn --reuse-port sets it on the one socket .* each with -w 1/],
    ['nsd: server 1', 'i', /^Nothing: reuseport of NSD/],
    ['nginx: worker process', '!', /^Let each worker call socket\(\)/],
  ])('advises what %s can do', (comm, mark, advice) => {
    const holders = [7, 8, 9].map((pid) => ({ pid, comm, fds: [6] }));
    const events = [...alone, { ...owners(1), holders }, ...acceptBy(8, 9), ...beats(2, 6)];
    expect(said('not-sharing', events).map((line) => line[0])).toEqual([mark]);
    expect(found('not-sharing', events)[0]?.advice).toMatch(advice);
  });

  it('begins when the last of the others left', () => {
    const many = [...alone, owners(1, 7, 8), listen(2), slot(2, 1, 2)];
    const events = [...many, ...beats(2, 9), close(2, 9.5), ...beats(10, 20)];
    expect(found('not-sharing', events)).toMatchObject([{ sinceNs: at(9.5), raisedNs: at(15) }]);
  });
});

describe('in use it is', () => {
  it.each<[string, Event[]]>([
    [
      'by two sockets, each held by all, as in nginx',
      [
        ...alone,
        listen(2),
        slot(2, 1, 2),
        owners(1, 7, 8, 9),
        owners(2, 7, 8, 9),
        ...acceptBy(8, 9),
        ...beats(2, 20),
      ],
    ],
    ['not meant: one process alone, whose framework always sets it', [...alone, ...beats(2, 20)]],
    ['maybe: workers start one after the other', [...alone, ...beats(2, 5)]],
    [
      'not asked for: forked workers without the option',
      [
        listen(1, 1, { reuseport: false }),
        slot(1, null, 0),
        owners(1, 7, 8, 9),
        ...acceptBy(8, 9),
        ...beats(2, 20),
      ],
    ],
    ['unknown: /proc does not tell', [socket(1), ...beats(2, 20)]],
    ['by others that are not seen', [listen(1), slot(1, 0, 3), ...beats(2, 20)]],
  ])('%s', (_, events) => expect(said('not-sharing', events)).toEqual([]));
});
