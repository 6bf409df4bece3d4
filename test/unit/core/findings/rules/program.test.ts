import { expect, it } from 'vitest';
import type { Cause, Event } from '../../../../../src/core/event.js';
import { at, count, listen, meta, pick, slot, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const group: Event[] = [
  meta({ rung: 'fentry' }),
  ...[1, 2].flatMap((ino, i) => [listen(ino), slot(ino, i, 2)]),
  { kind: 'program', tsNs: at(1), ino: 1, type: 21, id: 7, name: 'pick\u001b' },
];
const picks = (...causes: readonly Cause[]): Event[] =>
  causes.map((cause, i) => pick(1 + (i % 2), 2 + i / 100, { cause, hash: 1, n: 2 }));

it('a program that refuses is a problem, with its name and how to read it', () => {
  const [finding] = found('bad-program', [...group, count(1, 'refused', 9), count(2, 'refused', 3), tick(3)]);
  expect(finding?.text).toBe(
    'tcp 0.0.0.0:8888 its sk_reuseport program id 7 "pick?" refused 12 connections: their clients are reset',
  );
  expect(finding).toMatchObject({
    severity: 'problem',
    advice: expect.stringContaining('bpftool prog dump xlated id 7'),
    evidence: { refused: 12, programId: 7 },
  });
});

it('a program that gives no valid index is a warning', () => {
  const events = [...group, ...picks('bpf', 'bpf-fallback', 'bpf-fallback', 'bpf'), tick(3)];
  expect(said('bad-program', events)).toEqual([
    '! tcp 0.0.0.0:8888 its sk_reuseport program id 7 "pick?" gave no valid index for 2 of 4 shown picks: the hash chose',
  ]);
  expect(found('bad-program', events)[0]).toMatchObject({ sinceNs: at(2.01), lastNs: at(2.02) });
});

it('is told for a minute', () => {
  const events = [...group, ...picks('bpf-fallback'), count(1, 'refused', 9)];
  expect(said('bad-program', [...events, ...beats(3, 62)])).toHaveLength(2);
  expect(said('bad-program', [...events, ...beats(3, 63)])).toEqual([]);
});

it.each<[string, Event[]]>([
  ['a program that chooses', [...group, ...picks('bpf', 'bpf'), tick(3)]],
  ['a group without one', [...group.slice(0, -1), ...picks('hash', 'incoming-cpu'), tick(3)]],
])('no bad program is %s', (_, events) => expect(said('bad-program', events)).toEqual([]));
