// What tells members apart beside pid and comm: on wide screens, once above the table where all have it in common.
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { NOWHERE, type Place } from '../../../src/core/text/place.js';
import { look, SIZES, USUAL, WIDE } from './look.js';
import { ALL, accepted, at, listeners, meta, NETNS, pick, slots, stateOf, ticks } from './scenes.js';

const ID = '9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d';

const called = (pid: number, command: string, place: Partial<Place> = {}): Event => ({
  kind: 'process',
  tsNs: 0,
  pid,
  command,
  ...NOWHERE,
  ...place,
});

/** Four listeners of the pids 1201 to 1204. */
const groupOf = (processes: readonly Event[], later: readonly Event[] = []) =>
  stateOf(
    [meta(), ...processes, ...listeners({ n: 4, lport: 8888 }), ...slots(8888, 4), ...ticks(3), ...later],
    {
      ...ALL,
      ports: [8888],
    },
  );

const PIDS = [1201, 1202, 1203, 1204];

describe('members', () => {
  it('have what is common to them once, above the table, and the command of the selected one below', () => {
    const state = groupOf(PIDS.map((pid) => called(pid, 'nginx: worker process', { unit: 'nginx.service' })));
    const text = look(state, WIDE).text();
    expect(text).toMatch(/\n4 listeners .* in nginx\.service\n/);
    expect(text).toMatch(/│ nginx\.service {3}nginx: worker process +│/);
    expect(text).not.toMatch(/RUNS IN|COMMAND/);
  });

  it.each<[string, readonly Event[], RegExp]>([
    [
      'containers',
      [called(1202, 'x', { runtime: 'docker', container: ID })],
      /RUNS IN[\s\S]*1201 nginx +nginx\.service [\s\S]*1202 nginx +docker 9ec39b91f3d7 /,
    ],
    [
      'command lines',
      [called(1202, 'nginx: worker process is shutting down', { unit: 'nginx.service' })],
      /COMMAND[\s\S]*1202 nginx .* nginx: worker pr…is shutting down/,
    ],
  ])('are told apart by their %s', (_, other, seen) => {
    const processes = PIDS.map((pid) => called(pid, 'x', { unit: 'nginx.service' }));
    expect(look(groupOf([...processes, ...other]), WIDE).text()).toMatch(seen);
  });

  it('are told apart by their thread when one process accepts on all', () => {
    const accepts = PIDS.flatMap((tid, i) => {
      const picked = pick(8_888_000 + i, 2, { n: 4 });
      return [picked, { ...accepted(picked, 1, 700, `worker-${i}`), tid } as Event];
    });
    const text = look(groupOf([], accepts), WIDE).text();
    expect(text).toMatch(/IDX▲ +PID +TID COMM/);
    expect(text).toMatch(/ 700 +1203 worker-2 /);
    expect(text).toMatch(/│ thread 1201 /);
  });

  it('are found by the filter', () => {
    const state = groupOf([called(1203, 'gunicorn: worker [shop]', { pod: 'f00d' })]);
    for (const filter of ['shop', 'f00d']) {
      const text = look(state, WIDE)
        .press('/', ...filter, 'return')
        .text();
      expect(text).toMatch(/1203 nginx/);
      expect(text).not.toMatch(/1202 nginx/);
    }
  });
});

describe('open connections', () => {
  const opened = (connections: readonly number[]): Event => ({
    kind: 'open',
    tsNs: at(2),
    netns: NETNS,
    laddr: '0.0.0.0',
    lport: 8888,
    processes: PIDS.map((pid, i) => ({ pid, connections: connections[i] ?? 0 })),
    others: 0,
  });
  const very = { columns: 160, rows: 40 };

  it('have a column where they are known and there is room, which goes first', () => {
    expect(look(groupOf([]), very).text()).not.toContain('OPEN');
    const state = groupOf([], [opened([3, 0, 1_204, 5])]);
    expect(look(state, very).text()).toMatch(/OPEN[\s\S]* 1203 nginx .* 1,204 /);
    expect(look(state, USUAL).text()).not.toContain('OPEN');
  });

  it('are a dash where it is not known whose they are', () => {
    const shared: Event = {
      kind: 'owners',
      tsNs: at(2),
      ino: 8_888_001,
      holders: [1202, 1203].map((pid) => ({ pid, comm: 'nginx', fds: [6] })),
    };
    expect(look(groupOf([], [shared, opened([3, 1, 2, 5])]), very).text()).toMatch(
      /OPEN[\s\S]* 1203 nginx .* - /,
    );
  });
});

describe('groups', () => {
  it('say where they run when the screen is wide', () => {
    const state = groupOf(PIDS.map((pid) => called(pid, 'x', { runtime: 'docker', container: ID })));
    expect(look(state, { columns: 140, rows: 40 }).press('1').text()).toMatch(
      /RUNS IN[\s\S]*docker 9ec39b91f3d7/,
    );
  });
});

it('lets no name move a cursor, at any size', () => {
  const hostile = '\u001b[2J\n{red-fg}\u202e日';
  const state = groupOf([
    called(1201, hostile, { unit: `${hostile}.service` }),
    called(1202, hostile, { runtime: 'lxc', container: hostile, pod: hostile }),
  ]);
  for (const size of [...SIZES, { columns: 300, rows: 90 }]) {
    for (const key of ['1', '2']) {
      const text = look(state, size).press(key).text();
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e日]/);
    }
  }
});
