import { describe, expect, it } from 'vitest';
import type { Cause, Event } from '../../../../src/core/event.js';
import { concerns } from '../../../../src/core/state/state.js';
import { countCauses, steeringText } from '../../../../src/core/words/steering.js';
import {
  ALL,
  acceptOf,
  at,
  close,
  count,
  device,
  listen,
  meta,
  NETNS,
  pick,
  slot,
  stateOf,
} from '../../events.js';

const group: Event[] = [meta(), ...[1, 2].flatMap((ino, i) => [listen(ino), slot(ino, i, 2)])];
const program = (type: number, id: number, name: string): Event => ({
  kind: 'program',
  tsNs: at(1),
  ino: 1,
  type,
  id,
  name,
});
const picks = (...causes: readonly (Cause | null)[]): Event[] =>
  causes.map((cause, i) => pick(1 + (i % 2), 2 + i / 100, { cause, n: 2 }));

/** What is said of the only group after these events. */
const said = (events: readonly Event[]): string | null => {
  const state = stateOf([...group, ...events]);
  const [first] = state.groups.values();
  return steeringText(first, countCauses(state).get(first?.key ?? ''));
};

describe('what chooses in a group', () => {
  it.each<[string, Event[], string | null]>([
    ['the hash alone', picks('hash', 'hash'), null],
    ['nothing that is known', picks(null, null), null],
    ['a classic program, of which no cause is known', [program(0, 0, '')], 'chosen by classic BPF program'],
    [
      'a named program, with the share of each cause',
      [program(21, 7, 'q\u001b'), ...picks('bpf', 'bpf', 'bpf-fallback')],
      'chosen by sk_reuseport program id 7 "q?"; of 3 shown picks: the program 2, the hash for want of a valid index 1',
    ],
    ['the CPU', picks('incoming-cpu', 'hash'), 'of 2 shown picks: SO_INCOMING_CPU 1, the hash 1'],
    ['a program that was detached', [program(21, 7, 'q'), program(-1, 0, '')], null],
    [
      'a program whose group ended before another began at its address',
      [program(21, 7, 'q'), close(1, 3), close(2, 3), listen(3, 4), slot(3, 0, 1)],
      null,
    ],
  ])('%s', (_, events, expected) => expect(said(events)).toBe(expected));
});

describe('what was not asked for concerns nobody', () => {
  it('what a socket there did neither, although it tells no address', () => {
    const scope = { ...ALL, ports: [1, 2, 3, 4, 5] };
    const its: readonly Event[] = [acceptOf(pick(9)), count(9, 'picks', 1), device(9, 3)];
    for (const event of its) {
      expect(concerns(stateOf([slot(9, 0, 1)], scope), event)).toBe(false);
      // It may come before the line that tells its address.
      expect(concerns(stateOf([], scope), event)).toBe(true);
      // An inode is given anew.
      expect(concerns(stateOf([slot(9, 0, 1), listen(9, 2, { lport: 5 })], scope), event)).toBe(true);
    }
  });

  const other = { netns: NETNS + 1 };
  it.each<[string, Event]>([
    ['a listener', listen(9, 1, other)],
    ['a pick', pick(9, 1, other)],
    ['a program before that namespace', { kind: 'lookup', tsNs: at(1), ...other, place: 0, id: 1, name: '' }],
  ])('%s of another network namespace', (_, event) => {
    expect(concerns(stateOf([event], { ...ALL, netns: NETNS }), event)).toBe(false);
    expect(concerns(stateOf([event]), event)).toBe(true);
  });

  it('but what comes to a member is of it, whatever address the client dialled', () => {
    const dialled = pick(9, 2, { laddr: '10.0.0.1' });
    const state = stateOf([listen(9, 1, { laddr: '::' }), dialled], { ...ALL, family: 6 });
    expect(concerns(state, dialled)).toBe(true);
  });
});
