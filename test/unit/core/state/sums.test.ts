import { describe, expect, it } from 'vitest';
import { addSums, createSums, type Sums } from '../../../../src/core/state/sums.js';
import { attached, close, count, listen, meta, slot, stateOf } from '../../events.js';

describe('the sums of a group', () => {
  const events = [
    meta({ rung: 'fentry' }),
    attached(1),
    listen(11),
    slot(11, 0, 1),
    count(11, 'picks', 9),
    count(11, 'established', 8),
    count(11, 'accepted', 5),
    count(11, 'dropped_syn', 4),
    count(11, 'dropped_ack', 3),
    count(11, 'refused', 2),
    count(11, 'killed', 1),
    count(11, 'moved_from', 6),
    close(11, 2, { queue: 7 }),
  ];

  it('add up what each counter says, and what was queued at the end', () => {
    const member = stateOf(events).members.get(11);
    const sums = createSums();
    for (let i = 0; i < 2; i++) if (member !== undefined) addSums(sums, member, 'fentry');
    expect(sums).toEqual<Sums>({
      picks: 18,
      established: 16,
      accepted: 10,
      droppedSyn: 8,
      droppedAck: 6,
      refused: 4,
      killed: 2,
      movedFrom: 12,
      queuedAtClose: 14,
      delivered: 0,
      overflowed: 0,
      received: 0,
    });
  });

  it('keep what a socket counted that listens again on another port', () => {
    const state = stateOf([...events, listen(11, 3, { lport: 9999 }), count(11, 'picks', 12, 4)]);
    const groups = [...state.groups.values()];
    expect(groups.map(({ lport, gone }) => [lport, gone.picks, gone.queuedAtClose])).toEqual([
      [8888, 9, 7],
      [9999, 0, 0],
    ]);
  });

  it('keep what members counted that are forgotten, more than a thousand departures later', () => {
    const others = Array.from({ length: 2000 }, (_, i) => [
      listen(100 + i, 3 + i),
      count(100 + i, 'picks', 1, 3 + i),
      close(100 + i, 3 + i, { queue: 1 }),
    ]).flat();
    const state = stateOf([...events, ...others, listen(12, 9000)]);
    expect(state.members.has(11)).toBe(false);
    const [group] = state.groups.values();
    const sums = { ...(group?.gone ?? createSums()) };
    for (const member of [...state.departed.values(), ...state.members.values()])
      addSums(sums, member, 'fentry');
    expect(sums).toMatchObject({ picks: 2009, queuedAtClose: 2007 });
  });

  it('begin at zero again when the user says so', () => {
    const state = stateOf([...events, listen(11, 3, { lport: 9999 }), { kind: 'reset', tsNs: 5e9 }]);
    expect([...state.groups.values()].map(({ gone }) => gone)).toEqual([createSums(), createSums()]);
  });
});
