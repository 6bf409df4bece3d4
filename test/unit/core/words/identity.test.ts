import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../src/core/event.js';
import { NOWHERE, type Place } from '../../../../src/core/text/place.js';
import {
  areApart,
  commandOf,
  inCommon,
  placeOf,
  processOf,
  threadOf,
} from '../../../../src/core/words/identity.js';
import { acceptOf, listen, owners, pick, socket, stateOf } from '../../events.js';

const called = (pid: number, command: string, place: Partial<Place> = {}): Event => ({
  kind: 'process',
  tsNs: 0,
  pid,
  command,
  ...NOWHERE,
  ...place,
});

const namesOf = (events: readonly Event[]) => {
  const member = stateOf(events).members.get(1);
  if (member === undefined) throw new Error('no member');
  return { place: placeOf(member), command: commandOf(member), thread: threadOf(member) };
};

const NGINX: Partial<Place> = { unit: 'nginx.service' };
const picked = pick(1, 2);

describe('what a member is called', () => {
  it.each<[string, Event[], Partial<ReturnType<typeof namesOf>>]>([
    ['nothing is known', [socket(1), owners(1, 7)], {}],
    [
      'its only holder',
      [called(7, 'nginx: worker process', NGINX), socket(1), owners(1, 7)],
      { place: 'nginx.service', command: 'nginx: worker process' },
    ],
    [
      'several holders in one place, nobody has accepted',
      [called(7, 'master', NGINX), called(8, 'worker', NGINX), socket(1), owners(1, 7, 8)],
      { place: 'nginx.service' },
    ],
    [
      'several holders in two places',
      [called(7, 'a', NGINX), called(8, 'b', { unit: 'b.service' }), socket(1), owners(1, 7, 8)],
      {},
    ],
    [
      'of several holders the one that accepts',
      [called(7, 'a'), called(8, 'b', NGINX), socket(1), owners(1, 7, 8), picked, acceptOf(picked, 1, 8)],
      { place: 'nginx.service', command: 'b', thread: 'thread 8' },
    ],
    [
      'someone accepts whom the last scan did not see',
      [called(8, 'b', NGINX), socket(1), owners(1, 7), picked, acceptOf(picked, 1, 8)],
      { thread: 'thread 8' },
    ],
    [
      'the thread that accepts',
      [socket(1), picked, { ...acceptOf(picked, 1, 8), tid: 9 } as Event],
      { thread: 'thread 9' },
    ],
    [
      'two threads of one process accept',
      [
        socket(1),
        picked,
        { ...acceptOf(picked, 1, 8), tid: 9 } as Event,
        { ...acceptOf(picked, 2, 8), tid: 10 } as Event,
        { ...acceptOf(picked, 3, 8), tid: 10 } as Event,
      ],
      {},
    ],
    [
      'a pid that was given to another process after its holder was named',
      [called(7, 'old'), listen(1), owners(1, 7), called(7, 'new')],
      { command: 'old' },
    ],
    ['a process that is called no more than its comm', [called(7, 'nginx'), socket(1), owners(1, 7)], {}],
    [
      'hostile names',
      [called(7, '\u001b[2J\nx', { unit: '\u0007.service' }), socket(1), owners(1, 7)],
      { place: '?.service', command: '?[2J?x' },
    ],
  ])('%s', (_, events, names) => {
    expect(namesOf(events)).toEqual({ place: null, command: null, thread: null, ...names });
  });

  it('keeps no more processes than there is room for', () => {
    const state = stateOf(Array.from({ length: 20_000 }, (_, pid) => called(pid, 'x')));
    expect(state.processes.size).toBe(16_384);
    expect([state.processes.has(0), state.processes.has(19_999)]).toEqual([false, true]);
  });

  it('is that of the process, not of a socket', () => {
    const state = stateOf([called(7, 'x'), listen(1), listen(2), owners(1, 7), owners(2, 7)]);
    const [one, two] = [1, 2].map((ino) => state.members.get(ino));
    expect(one && processOf(one)).toBe(two && processOf(two));
  });
});

describe('names of several', () => {
  it.each<[(string | null)[], string | null, boolean]>([
    [[], null, false],
    [['a'], 'a', false],
    [['a', 'a'], 'a', false],
    [['a', 'b'], null, true],
    [['a', null], null, true],
    [[null, null], null, false],
  ])('%j', (names, common, apart) => {
    expect(inCommon(names, (name) => name)).toBe(common);
    expect(areApart(names, (name) => name)).toBe(apart);
  });
});
