import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import { keyName } from '../../../src/tui/keys.js';
import { look, SMALL, selectedRow, WIDE } from './look.js';
import { ALL, at, busyGroup, busyHost, count, listeners, meta, pick, stateOf, ticks } from './scenes.js';

describe('the name of a key', () => {
  it.each([
    ['q', { name: 'q', sequence: 'q' }, 'q'],
    ['G', { name: 'g', shift: true, sequence: 'G' }, 'G'],
    ['?', { sequence: '?' }, '?'],
    [' ', { name: 'space', sequence: ' ' }, ' '],
    [undefined, { name: 'up', sequence: '\u001b[A' }, 'up'],
    [undefined, { name: 'tab', shift: true, sequence: '\u001b[Z' }, 'S-tab'],
    ['\t', { name: 'tab', sequence: '\t' }, 'tab'],
    ['\r', { name: 'return', sequence: '\r' }, 'return'],
    ['\n', { name: 'enter', sequence: '\n' }, 'return'],
    [undefined, { name: 'escape', meta: true, sequence: '\u001b' }, 'escape'],
    ['\u0003', { name: 'c', ctrl: true, sequence: '\u0003' }, 'C-c'],
    ['\u007f', { name: 'backspace', sequence: '\u007f' }, 'backspace'],
    [undefined, { name: 'f1', sequence: '\u001bOP' }, 'f1'],
    ['q', { name: 'q', meta: true, sequence: '\u001bq' }, ''],
    ['é', { sequence: 'é' }, 'é'],
  ])('of %j %j is %j', (text, key, name) => {
    expect(keyName(text, key)).toBe(name);
  });
});

describe('starting', () => {
  it('opens the group when one port was asked for and one address has it', () => {
    expect(look(stateOf(busyGroup(4), { ...ALL, ports: [8888] })).model().view).toBe('group');
  });

  it('lists the groups when several addresses have the port, or all ports were asked for', () => {
    const both = [
      meta(),
      ...listeners({ n: 2, lport: 80 }),
      ...listeners({ n: 2, lport: 80, laddr: '::', firstIno: 1 }),
      ...ticks(2),
    ];
    expect(look(stateOf(both, { ...ALL, ports: [80] })).model().view).toBe('groups');
    expect(look(stateOf(busyGroup(4))).model().view).toBe('groups');
  });

  it('waits for a first listener in the empty group view, and opens it', () => {
    const state = stateOf([meta(), ...ticks(2)], { ...ALL, ports: [8888] });
    const seen = look(state);
    expect(seen.text()).toContain('Nothing listens on port 8888.');
    seen.later(() => {
      for (const event of listeners({ n: 3, lport: 8888 })) apply(state, event);
    });
    expect(seen.model().group).not.toBeNull();
    expect(seen.text()).toContain('3 listeners');
  });
});

describe('moving', () => {
  it('by arrows, letters, pages and to both ends', () => {
    const seen = look(stateOf(busyGroup(30))).press('2');
    const row = (...keys: string[]): string => selectedRow(seen.press(...keys).text()).split(' ')[0] ?? '';
    expect(row()).toBe('0');
    expect([row('down'), row('j'), row('k'), row('up'), row('up')]).toEqual(['1', '2', '1', '0', '0']);
    expect(Number(row('pagedown'))).toBeGreaterThan(9);
    expect(row('pageup')).toBe('0');
    expect([row('end'), row('home'), row('G'), row('g')]).toEqual(['29', '0', '29', '0']);
  });

  it('sticks to the socket, not to the row, when the order changes', () => {
    const state = stateOf(busyGroup(8));
    const seen = look(state).press('2', 's', 's', 's', 's', 's');
    expect(seen.text()).toContain('RATE/S▼');
    const before = selectedRow(seen.text()).split(/ +/)[1];
    seen.later(() => {
      apply(state, count(8_888_000, 'picks', 90_000, 13.9));
      apply(state, { kind: 'tick', tsNs: at(14) });
    });
    expect(selectedRow(seen.text()).split(/ +/)[1]).toBe(before);
    expect(
      seen
        .text()
        .split('\n')
        .findIndex((row) => row.includes('▸')),
    ).toBe(5);
  });

  it('falls back to a row that is there when the selected one is gone', () => {
    const state = stateOf(busyGroup(4));
    const seen = look(state).press('2', 'G');
    seen.later(() =>
      apply(state, {
        kind: 'close',
        tsNs: at(14),
        ino: 8_888_003,
        netns: 4_026_531_840,
        laddr: '0.0.0.0',
        lport: 8888,
        queue: 0,
        pid: 1204,
        comm: 'nginx',
      }),
    );
    expect(selectedRow(seen.text())).toMatch(/^0 /);
    expect(seen.press('j').text()).toContain('▸');
  });

  it('does nothing where there is nothing', () => {
    const seen = look(stateOf([]));
    for (const key of [
      'up',
      'pagedown',
      'G',
      'return',
      's',
      'I',
      'e',
      '[',
      'm',
      'f',
      'left',
      'right',
      '3',
      'up',
      'return',
      '4',
      'down',
    ]) {
      seen.press(key);
    }
    expect(seen.commands).toEqual([]);
  });
});

describe('going deeper and back', () => {
  it('goes group, listener, explanation by Enter and back by Esc, and never out', () => {
    const seen = look(stateOf(busyGroup(8)));
    const view = (key: string): string => seen.press(key).model().view;
    expect([view('return'), view('return')]).toEqual(['group', 'explain']);
    expect([view('escape'), view('escape'), view('escape'), view('escape')]).toEqual([
      'group',
      'groups',
      'groups',
      'groups',
    ]);
    expect(seen.commands).toEqual([]);
  });

  it('chooses views by number and walks them by Tab', () => {
    const seen = look(stateOf(busyGroup(8)));
    const view = (key: string): string => seen.press(key).model().view;
    expect(['3', '4', '5', '6', '1', '2'].map(view)).toEqual([
      'picks',
      'binds',
      'explain',
      'findings',
      'groups',
      'group',
    ]);
    expect(['tab', 'tab', 'tab', 'tab', 'tab'].map(view)).toEqual([
      'picks',
      'binds',
      'explain',
      'findings',
      'groups',
    ]);
    expect(view('S-tab')).toBe('findings');
  });

  it('shows the picks of the open group alone, and all of them from view 1', () => {
    const state = stateOf([
      ...busyGroup(2),
      ...listeners({ n: 1, lport: 99 }),
      pick(99_000, 13.4, { raddr: '10.9.9.9' }),
    ]);
    const seen = look(state).press('3');
    expect(seen.text()).toContain('10.9.9.9');
    const inside = seen.press('1', 'g', 'return', '3');
    expect(inside.text()).toContain('tcp 0.0.0.0:8888');
    expect(inside.text()).not.toContain('10.9.9.9');
  });

  it('walks through picks with [ and ]', () => {
    const seen = look(stateOf(busyGroup(8))).press('3', 'return');
    const before = seen.model().selected.explain;
    expect(seen.press('[', '[').model().selected.explain).toBe(Number(before) - 2);
    expect(seen.press(']').model().selected.explain).toBe(Number(before) - 1);
  });

  it('asks for another n, and answers where the hash is known', () => {
    const seen = look(stateOf(busyGroup(8, 8888, 'fentry'))).press('5', 'm', '5', 'x', 'return');
    expect(seen.text()).toMatch(/ 5->#4/);
    expect(
      look(stateOf(busyGroup(8)))
        .press('5', 'm', '5', 'return')
        .text(),
    ).toContain('With other n: not known, because the hash is not.');
  });
});

describe('sorting', () => {
  it('walks the columns with s, > and <, and reverses with I', () => {
    const seen = look(stateOf(busyGroup(8))).press('2');
    expect(seen.text()).toContain('IDX▲');
    expect(seen.press('I').text()).toContain('IDX▼');
    expect(seen.press('s').text()).toContain('PID▲');
    expect(seen.press('>', '>').text()).toContain('PICKS▼');
    expect(seen.press('<').text()).toContain('COMM▲');
  });

  it.each(['fentry', 'tracepoint'] as const)(
    'walks the columns of UDP that are on the screen, on the %s rung',
    (rung) => {
      const sockets = listeners({ n: 2, lport: 53 }).map((event) =>
        event.kind === 'socket' ? { ...event, proto: 'udp' as const } : event,
      );
      const seen = look(stateOf([meta({ rung }), ...sockets, ...ticks(3)]), WIDE).press('2');
      const walked = Array.from({ length: 9 }, () => seen.press('s').model().sorts.group?.column);
      const [picks, last] = rung === 'fentry' ? ['picks', 'clients'] : ['wakeups', 'index'];
      expect(walked.slice(1)).toEqual(['comm', picks, 'received', 'rate', 'share', 'queue', 'dropped', last]);
    },
  );

  it('is remembered for each view', () => {
    const seen = look(stateOf(busyGroup(8))).press('2', 's', '1', '2');
    expect(seen.text()).toContain('PID▲');
  });
});

describe('the filter', () => {
  it('works while it is typed, is said, and goes with Esc', () => {
    const seen = look(stateOf(busyHost())).press('/', ...'php');
    expect(seen.text()).toContain('127.0.0.1:9000');
    expect(seen.text()).not.toContain('0.0.0.0:8888 ');
    expect(seen.text()).toMatch(/ filter: php/);
    expect(seen.press('backspace').model().filter).toBe('ph');
    seen.press('return');
    expect(seen.model().prompt).toBeNull();
    expect(seen.text()).toContain('filter: ph');
    expect(seen.press('escape').model().filter).toBe('');
  });

  it('takes every key as text, even q, digits and space, but not Ctrl-C', () => {
    const seen = look(stateOf(busyHost())).press('/', 'q', '1', ' ', '?', 'R');
    expect(seen.model().filter).toBe('q1 ?R');
    expect(seen.commands).toEqual([]);
    expect(seen.press('C-c').commands).toEqual(['sigint']);
  });

  it.each([
    ['nginx', 1],
    ['!nginx', 4],
    ['9000', 1],
    ['2201', 1],
    ['::', 1],
    ['nobody', 0],
  ])('%s leaves %i groups', (filter, groups) => {
    const rows = look(stateOf(busyHost()), WIDE)
      .press('/', ...filter, 'return')
      .text()
      .split('\n')
      .slice(4, 20);
    expect(rows.filter((row) => /^.. tcp|^.▸ tcp/.test(row.replace(/^(..) /, '$1 ')))).toHaveLength(groups);
  });

  it('applies to picks by client, listener and who accepted', () => {
    const seen = look(stateOf(busyGroup(8))).press('3', '/', ...'10.0.3.18', 'return');
    expect(seen.text()).not.toContain('10.0.3.19');
    expect(seen.text()).toContain('10.0.3.18');
    expect(
      look(stateOf(busyGroup(8)))
        .press('3', '/', ...'waiting', 'return')
        .text(),
    ).not.toContain('1201 nginx');
  });
});

describe('problems only', () => {
  it('keeps the groups, members, picks and binds that something is wrong with', () => {
    const seen = look(stateOf(busyHost())).press('e');
    expect(seen.text()).toContain('problems only');
    expect(seen.text()).not.toContain('envoy');
    expect(seen.text()).toContain('php-fpm');
    const members = look(stateOf(busyGroup(8)))
      .press('2', 'e')
      .text();
    expect(members).toContain('1208');
    expect(members).not.toMatch(/ 1201 nginx +1,920/);
    expect(look(stateOf(busyHost())).press('4', 'e').text()).toContain('EADDRINUSE');
  });
});

describe('following', () => {
  it('stays with the newest until moved, and again by f or G', () => {
    const state = stateOf(busyGroup(8));
    const seen = look(state).press('3');
    const more = (port: number) => () => apply(state, pick(8_888_001, 13.5 + port / 1e5, { rport: port }));
    seen.later(more(1111));
    expect(selectedRow(seen.text())).toContain(':1111');
    seen.press('up');
    const held = selectedRow(seen.text());
    seen.later(more(2222));
    expect(selectedRow(seen.text())).toBe(held);
    expect(seen.text()).toContain('follow off');
    expect(selectedRow(seen.press('f').text())).toContain(':2222');
    seen.press('up', 'G').later(more(3333));
    expect(selectedRow(seen.text())).toContain(':3333');
  });
});

describe('pausing', () => {
  it('freezes what is shown while counting goes on, and says how much is new', () => {
    const state = stateOf(busyGroup(8));
    const seen = look(state).press('2', ' ');
    const before = seen.text();
    expect(before).toContain('PAUSED');
    seen.later(() => apply(state, count(8_888_000, 'picks', 1920 + 1204, 13.5)));
    expect(seen.text()).toContain('+1,204 new');
    expect(seen.text()).toContain(' 1,920 ');
    expect(seen.press('p').text()).toContain(' 3,124 ');
    expect(seen.text()).toContain('LIVE 1s');
  });

  it('ends with a reset', () => {
    const seen = look(stateOf(busyGroup(8))).press(' ', 'r');
    expect(seen.commands).toEqual(['reset']);
    expect(seen.text()).not.toContain('PAUSED');
  });
});

describe('commands', () => {
  it.each([
    ['q', 'quit'],
    ['C-c', 'sigint'],
    ['r', 'reset'],
    ['w', 'snapshot'],
    ['C-l', 'repaint'],
  ])('%s asks for %s', (key, command) => {
    expect(look(stateOf(busyGroup(2))).press(key).commands).toEqual([command]);
  });

  it('R restarts bpftrace only after it ended', () => {
    const state = stateOf(busyGroup(2));
    expect(look(state).press('R').commands).toEqual([]);
    expect(look(state).press('R').text()).toContain('R restarts it after it ended');
    apply(state, { kind: 'ended', tsNs: at(15), exitCode: 1, why: 'bpftrace ended' });
    expect(look(state).press('R').commands).toEqual(['restart']);
  });

  it('q quits from the help too, which Esc and ? close', () => {
    const seen = look(stateOf(busyGroup(2)));
    expect(seen.press('?').text()).toContain('Help');
    expect(seen.press('escape').model().helpTop).toBeNull();
    expect(seen.press('h', '?').model().helpTop).toBeNull();
    expect(seen.press('f1', 'q').commands).toEqual(['quit']);
  });

  it('scrolls the help where it does not fit, and stops at its end', () => {
    const seen = look(stateOf(busyGroup(2)), SMALL).press('?', ...new Array(50).fill('down'));
    expect(seen.text()).toContain('LOST');
    expect(seen.press('up').text()).not.toContain('LOST');
  });

  it('changes the interval by + and - between half a second and ten', () => {
    const seen = look(stateOf(busyGroup(2)));
    expect(seen.press('-', '-', '-').text()).toContain('LIVE 0.5s');
    expect(seen.press('+', '+', '+', '+', '+', '+').text()).toContain('LIVE 10s');
  });

  it('shows hidden columns by Left and Right', () => {
    const seen = look(stateOf(busyGroup(8))).press('2');
    expect(seen.text()).not.toContain('ACCEPTED');
    expect(seen.press('right', 'right', 'right').text()).toContain('ACCEPTED');
    expect(seen.press('left', 'left', 'left', 'left').text()).not.toContain('ACCEPTED');
  });
});
