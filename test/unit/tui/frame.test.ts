import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event, PickEvent } from '../../../src/core/event.js';
import type { State } from '../../../src/core/state/state.js';
import { render } from '../../../src/tui/frame.js';
import { createModel } from '../../../src/tui/model.js';
import { toSgr } from '../../../src/tui/paint.js';
import { widthOf } from '../../../src/tui/text.js';
import { look, SIZES, SMALL, USUAL, WIDE } from './look.js';
import {
  ALL,
  accepted,
  at,
  busyGroup,
  busyHost,
  count,
  listeners,
  meta,
  NETNS,
  pick,
  slots,
  stateOf,
  ticks,
} from './scenes.js';

/** Names that any local user can give a process. */
const HOSTILE = [
  '{red-bg}x{/red-bg}',
  '{bold}{open}',
  '{|}',
  '\u001b[31mred',
  '\u001b[2J\u001b]0;x\u0007',
  '\u001b[?1049l',
  '\u009b31m',
  'a\rb\nc',
  '\u0007\u0000\u0008\u000e',
  '\u202eevil',
  '日本語🙂',
  'pick 1 2 3',
];

const hostile = (): State => {
  const events = listeners({ n: HOSTILE.length, lport: 8888 }).map((event) => {
    if (event.kind !== 'owners') return event;
    const comm = HOSTILE[event.ino % 1000] ?? '';
    return { ...event, holders: event.holders.map((holder) => ({ ...holder, comm })) };
  });
  const picks = HOSTILE.flatMap((comm, i) => {
    const made = pick(8_888_000 + i, 2 + i / 100, { n: HOSTILE.length });
    return [made, accepted(made, 1, 1201 + i, comm)];
  });
  const first = HOSTILE[4] ?? '';
  return stateOf([
    meta({ host: first, kernel: first, version: first }),
    ...events,
    ...ticks(3),
    ...slots(8888, HOSTILE.length),
    ...picks,
    { kind: 'netns', tsNs: at(3), netns: 4_026_531_840, name: first },
    {
      kind: 'close',
      tsNs: at(4),
      ino: 8_888_002,
      netns: 4_026_531_840,
      laddr: '0.0.0.0',
      lport: 8888,
      queue: 3,
      pid: 1203,
      comm: first,
    },
    { kind: 'ended', tsNs: at(5), exitCode: 1, why: `bpftrace ended: ${first}\nmore` },
  ]);
};

const SCENES: readonly (readonly [string, () => State])[] = [
  ['nothing at all', () => stateOf([])],
  ['attaching', () => stateOf([meta(), { kind: 'attaching', tsNs: at(0) }])],
  ['nobody listening', () => stateOf([meta(), ...ticks(3)], { ...ALL, ports: [8888] })],
  ['one listener without picks', () => stateOf([meta(), ...listeners({ n: 1, lport: 8888 }), ...ticks(3)])],
  ['one busy listener', () => stateOf(busyGroup(1))],
  ['one port', () => stateOf(busyGroup(8), { ...ALL, ports: [8888] })],
  ['a rung that knows the hash', () => stateOf(busyGroup(8, 8888, 'fentry'))],
  ['several groups', () => stateOf(busyHost())],
  ['300 members', () => stateOf(busyGroup(300))],
  ['hostile names', hostile],
];

const KEYS = [
  [],
  ['1'],
  ['2'],
  ['3'],
  ['4'],
  ['5'],
  ['6'],
  ['6', 'return'],
  ['?'],
  ['2', 'return'],
  ['2', 's', 'I'],
  ['right', 'right'],
  ['/', 'z'],
  ['e'],
  [' '],
];

describe.each(SCENES)('with %s', { timeout: 60_000 }, (_, make) => {
  it.each([
    ...SIZES,
    { columns: 60, rows: 8 },
    { columns: 300, rows: 90 },
    { columns: 39, rows: 10 },
    { columns: 1, rows: 1 },
  ])('every view fits $columns x $rows exactly and writes no control character', (size) => {
    const state = make();
    for (const keys of KEYS) {
      const lines = look(state, size)
        .press(...keys)
        .lines();
      expect(lines).toHaveLength(size.rows);
      for (const row of lines) {
        expect(widthOf(row), JSON.stringify({ keys, row })).toBeLessThanOrEqual(size.columns);
        const text = row.map((part) => part.text).join('');
        expect(text).not.toMatch(/undefined|NaN|null|Infinity|\[object/);
        const painted = toSgr(row, { useColor: false, isAscii: true }).replaceAll(/\u001b\[[0-9;]*m/g, '');
        expect(painted).toMatch(/^[ -~]*$/);
      }
    }
  });
});

describe('a frame', () => {
  it('says below 40x8 what it needs', () => {
    const text = look(stateOf(busyHost()), { columns: 36, rows: 7 }).text();
    expect(text.replaceAll('\n', ' ')).toContain('reuseport-trace: 36x7 is too small, needs 40x8');
  });

  it('shows the stuck listener first on a small screen, in words and by its mark', () => {
    const text = look(stateOf(busyGroup(8), { ...ALL, ports: [8888] }), SMALL).text();
    expect(text).toMatch(/\nx▸ +7 +1208 .*512\/511\n/);
    expect(text).toMatch(/\nx #7: 512\/511 queued, no acc/);
  });

  it('keeps the findings in words above the keys, worst first, with advice where there is room', () => {
    const rows = look(stateOf(busyHost()), WIDE).text().split('\n');
    expect(rows[36]).toMatch(/^x tcp 0.0.0.0:8888 #7 pid 1208 nginx: 512\/511 queued, no accept\(\)/);
    expect(rows[37]).toMatch(/^x tcp 127.0.0.1:9000 #1 pid 2201 php-fpm: queue full/);
    expect(rows[38]).toMatch(/^! tcp 0.0.0.0:8888 #3 pid 1204 nginx: 2.30x its fair share/);
    expect(rows[39]).toMatch(/^ q Quit {3}\? Help/);
    const lossy = look(
      stateOf([meta(), { kind: 'malformed', tsNs: at(0), lines: 1, sample: '' }, ...ticks(1)]),
      WIDE,
    );
    expect(lossy.text()).toMatch(/\n! 1 line of .*\n {2}try: .*\n/);
  });

  it('labels a recording with its kernel and day, and never as live', () => {
    for (const size of SIZES) {
      const text = look(stateOf(busyHost()), size).text({ isReplay: true });
      expect(text).toContain('REPLAY');
      expect(text).not.toContain('LIVE');
    }
    const text = look(stateOf(busyHost()), WIDE).text({ isReplay: true });
    expect(text).toContain('REPLAY 6.12.43+deb13-amd64 2026-11-03');
  });

  it('keeps the names of all views beside a high rate, and the pause, at 80 columns', () => {
    const state = stateOf([
      ...busyGroup(2),
      count(8_888_000, 'picks', 1, 14),
      ...ticks(1, 14),
      count(8_888_000, 'picks', 987_654, 15),
      ...ticks(1, 15),
    ]);
    const seen = look(state);
    const tabs = (): string => seen.text().split('\n')[1] ?? '';
    expect(tabs()).toMatch(/^ 1 GROUPS .* 6 Findings +\d{3},\d{3}\/s █?▁+█?$/);
    seen.press(' ').later((live) => apply(live, count(8_888_000, 'picks', 1_987_654, 16)));
    expect(tabs()).toMatch(/ 6 Findings +\+1,000,000 new$| 6 Findings +\+1\.0M new$/);
  });

  it('counts the seconds of attaching, also after a restart', () => {
    const state = stateOf([meta(), { kind: 'attaching', tsNs: at(0) }], { ...ALL, ports: [8888] });
    expect(look(state).text({ nowNs: at(3.2) })).toContain('ATTACHING 3s');
    expect(look(state).text({ nowNs: at(3.2) })).toContain('attaches its probes, 3 s');
    apply(state, { kind: 'ended', tsNs: at(10), exitCode: 1, why: 'bpftrace ended' });
    apply(state, { kind: 'attaching', tsNs: at(20) });
    expect(look(state).text({ nowNs: at(12) })).toContain('ATTACHING 2s');
  });

  it('says that bpftrace ended, keeps the numbers and offers R', () => {
    const state = stateOf(busyGroup(8));
    apply(state, { kind: 'ended', tsNs: at(14), exitCode: 1, why: 'bpftrace ended (exit 1)\nlast line' });
    const text = look(state).text();
    expect(text).toContain('ENDED');
    expect(text).toContain('x bpftrace ended (exit 1): the numbers are frozen');
    expect(text).toContain('R Restart');
    expect(text).toContain('0.0.0.0:8888');
  });

  it('calls numbers stale when the tick stops', () => {
    const state = stateOf(busyGroup(8));
    expect(look(state).text({ nowNs: at(14) })).toContain('LIVE 1s');
    expect(look(state).text({ nowNs: at(20) })).toContain('STALE 7s');
  });

  it('names lost events in the header and as a finding', () => {
    const state = stateOf([
      ...busyGroup(8),
      { kind: 'lost', tsNs: at(13), by: 'perf', events: 1204 },
      ...ticks(1, 14),
    ]);
    const text = look(state, WIDE).text();
    expect(text).toContain('lost 1,204');
    expect(text).toContain('1,204 events lost');
  });

  it('asks who listens elsewhere only when nobody listens here', () => {
    const elsewhere = () => [
      { lport: 8080, listeners: 1, holder: { pid: 911, comm: 'no\u001bde', fds: [3] } },
    ];
    const empty = stateOf([meta(), ...ticks(2)], { ...ALL, ports: [8888] });
    const text = look(empty).text({ elsewhere });
    expect(text).toContain('Nothing listens on port 8888.');
    expect(text).toContain('8080   1 listener     pid 911 no?de');
    const busy = stateOf(busyGroup(2));
    expect(() =>
      look(busy).text({
        elsewhere: () => {
          throw new Error('asked');
        },
      }),
    ).not.toThrow();
  });

  it('draws 300 members and a full log well within a tenth of a second', () => {
    const state = stateOf(busyGroup(300));
    const scene = {
      state,
      model: createModel([]),
      ...WIDE,
      nowNs: state.nowNs,
      isReplay: false,
      elsewhere: () => [],
    };
    const frame = (): void => {
      for (const view of ['groups', 'group', 'picks'] as const)
        render({ ...scene, model: { ...scene.model, view } });
    };
    frame();
    const start = performance.now();
    for (let i = 0; i < 10; i++) frame();
    expect((performance.now() - start) / 30).toBeLessThan(100);
  });
});

describe('the group view', () => {
  it('says that a listener has no SO_REUSEPORT', () => {
    const events = [
      meta(),
      ...listeners({ n: 1, lport: 8081 }),
      ...slots(8081, 1, { reuseport: false }),
      ...ticks(2),
    ];
    expect(look(stateOf(events, { ...ALL, ports: [8081] })).text()).toContain('No SO_REUSEPORT here');
    expect(look(stateOf(events, { ...ALL, ports: [8081] }), SMALL).text()).toContain('No SO_REUSEPORT here');
    expect(look(stateOf(events)).text()).toMatch(/0\.0\.0\.0:8081 +1 NO /);
  });

  it('says of one listener that it shares nothing, and what is not known yet', () => {
    const found = [meta(), ...listeners({ n: 1, lport: 8081 }), ...ticks(2)];
    expect(look(stateOf(found, { ...ALL, ports: [8081] })).text()).toContain(
      'is known from its first connection on',
    );
    const known = [...found, ...slots(8081, 1)];
    expect(look(stateOf(known, { ...ALL, ports: [8081] })).text()).toContain(
      'shares nothing: there is one listener',
    );
  });

  it('writes a dash for what is unknown, never a zero', () => {
    const state = stateOf(
      [meta(), ...listeners({ n: 2, lport: 8888 }), { kind: 'attaching', tsNs: at(0.5) }],
      { ...ALL, ports: [8888] },
    );
    expect(look(state).press('2').text()).toMatch(/ - +1201 nginx +0 +- +│ +- +0\/- +-\n/);
  });

  it('tells who holds a socket while nobody has accepted on it', () => {
    const holders = [1, 2, 3].map((pid) => ({ pid, comm: 'prefork', fds: [4] }));
    const state = stateOf([
      meta(),
      ...listeners({ n: 1, lport: 80 }),
      { kind: 'owners', tsNs: at(1), ino: 80_000, holders },
      ...ticks(2),
    ]);
    expect(look(state, WIDE).press('2').text()).toMatch(/ - prefork x3 /);
  });

  it('shows panels only where there is room: detail and picks at 120x40, picks at 80x24, neither at 40x10', () => {
    const shown = SIZES.map((size) => {
      const text = look(stateOf(busyGroup(8)), size)
        .press('2')
        .text();
      return [text.includes('picks/s per listener'), text.includes('last picks')];
    });
    expect(shown).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ]);
  });

  it('names repeated clients by address and port in the detail', () => {
    const text = look(stateOf(busyGroup(8)), WIDE)
      .press('2', 'down', 'down', 'down')
      .text();
    expect(text).toContain('#3  pid 1204 nginx');
    expect(text).toMatch(/10\.0\.3\.21:40012 +100%/);
    expect(text).toMatch(/16-64 ms +100%/);
    expect(text).toContain('beyond 3 sigma');
  });
});

describe('the other views', () => {
  it('shows HASH only on rungs that can know it', () => {
    expect(
      look(stateOf(busyGroup(8)))
        .press('3')
        .text(),
    ).not.toContain('HASH');
    expect(
      look(stateOf(busyGroup(8, 8888, 'fentry')))
        .press('3')
        .text(),
    ).toMatch(/SOURCE +HASH/);
  });

  it('writes a dash for a pick without its hash on a rung that knows hashes', () => {
    const state = stateOf([...busyGroup(2, 8888, 'kprobe'), pick(8_888_000, 13.2, { hash: null })]);
    expect(look(state).press('3', 'G').text()).toMatch(/10\.0\.3\.18:40012 +- +8 +0/);
  });

  it('separates picks by the changes of the group', () => {
    const state = stateOf([
      ...busyGroup(4),
      {
        kind: 'close',
        tsNs: at(13.1),
        ino: 8_888_001,
        netns: 4_026_531_840,
        laddr: '0.0.0.0',
        lport: 8888,
        queue: 2,
        pid: 1202,
        comm: 'nginx',
      },
    ]);
    const text = look(state).press('3').text();
    expect(text).toMatch(/x.▸? ?.*-- pid 1202 nginx left socks\[1\], #3 moved in, 2 still queued --/);
  });

  it('writes the queue of a UDP pick in bytes, as the group does', () => {
    const udp = pick(53_000, 2, { proto: 'udp', queue: 46_080, backlog: 212_992 });
    const text = look(stateOf([meta(), ...ticks(2), udp]), WIDE)
      .press('3')
      .text();
    expect(text).toMatch(/ 45K\/208K /);
  });

  it('says how much of the picks the log holds', () => {
    expect(
      look(stateOf(busyGroup(8)))
        .press('3')
        .text(),
    ).toContain('showing 1 of 227 picks (sampled)');
    const few = stateOf([meta(), ...listeners({ n: 2, lport: 80 }), ...ticks(2), pick(80_000, 2.5)]);
    expect(look(few).press('3').text()).toContain('showing every pick');
  });

  it('explains a pick as arithmetic where the hash is known', () => {
    const text = look(stateOf(busyGroup(8, 8888, 'fentry')))
      .press('3', 'k', 'return')
      .text();
    expect(text).toContain('0xd0000000 = 3,489,660,928');
    expect(text).toContain('#6 of 8');
    expect(text).toContain('it agrees');
    expect(text).toContain('7->#5, 8->#6, 9->#7, 16->#13');
  });

  it('says what is known and what is not on the tracepoint rung', () => {
    const text = look(stateOf(busyGroup(8)))
      .press('3', 'return')
      .text();
    expect(text).toContain('not known on the tracepoint rung');
    expect(text).toContain('#7 of 8, read from socks[]');
    expect(text).toContain('512 of 511 with this one in it: FULL');
    expect(text).toContain('waiting for');
    expect(text).toContain('Choose n');
  });

  it('offers Explain only once there is a pick', () => {
    const quiet = stateOf([meta(), ...listeners({ n: 2, lport: 80 }), ...ticks(2)]);
    expect(look(quiet).text()).not.toContain('5 Explain');
    expect(look(quiet).press('5').text()).toContain('Explain: there is nothing to show there yet.');
  });

  it('tells what the function rungs know: drops, who selects, and why a connection failed', () => {
    const lost = (ino: number, rport: number): PickEvent =>
      pick(ino, 13.1 + rport / 1e6, { rport, hash: 1, cause: 'hash' });
    const state = stateOf([
      ...busyGroup(8, 8888, 'fentry'),
      count(8_888_007, 'dropped_syn', 1200, 13),
      count(8_888_007, 'dropped_ack', 34, 13),
      ...[1001, 1002, 1003].map((rport) => lost(8_888_007, rport)),
      ...(['syn', 'ack'] as const).map(
        (why, i): Event => ({
          kind: 'drop',
          tsNs: at(13.2),
          ino: 8_888_007,
          netns: NETNS,
          why,
          laddr: '10.0.0.5',
          lport: 8888,
          raddr: '10.0.3.18',
          rport: 1001 + i,
        }),
      ),
      {
        kind: 'killed',
        tsNs: at(13.2),
        ino: 8_888_007,
        netns: NETNS,
        raddr: '10.0.3.18',
        rport: 1003,
        pickNs: lost(8_888_007, 1003).tsNs,
      },
      { kind: 'program', tsNs: at(13.2), ino: 8_888_000, type: 21, id: 7, name: 'by_\u001bcpu' },
    ]);
    const members = look(state).press('2').text();
    expect(members).toContain('select: bpf');
    expect(members).toContain('chosen by sk_reuseport program id 7 "by_?cpu"');
    expect(members).toMatch(/QUEUE +DROPS/);
    expect(members).toMatch(/512\/511 +1,234 /);
    const picks = look(state, WIDE).press('3').text();
    expect(picks).toMatch(/x.*:1001 .*queue full +0 *.* dropped|x.*:1001 .*queue full .*dropped/);
    expect(picks).toMatch(/x.*:1002 .*queue full, ACK .*dropped/);
    expect(picks).toMatch(/x.*:1003 .*listener closed .*reset/);
    expect(
      look(stateOf(busyGroup(8)))
        .press('2')
        .text(),
    ).not.toContain('DROPS');
  });

  it('says what overruled the hash where the index read is not the one computed', () => {
    const state = stateOf([
      ...busyGroup(8, 8888, 'fentry'),
      pick(8_888_005, 13.3, { hash: 0x1000_0000, cause: 'incoming-cpu' }),
    ]);
    const text = look(state, WIDE).press('3', 'return').text().replace(/\s+/g, ' ');
    expect(text).toContain('#5 of 8');
    expect(text).toContain('= #0: overruled: SO_INCOMING_CPU of that member matched this CPU (3)');
  });

  it('explains a refused bind by what the sockets there lack', () => {
    const seen = look(stateOf(busyHost())).press('4');
    expect(seen.text()).toMatch(/uid: theirs is 33, this\s+│\n│ one's 1001/);
    const other = seen.press('up').text();
    expect(other).toContain('This socket did not set SO_REUSEPORT before bind().');
    expect(other).toContain('Fix: setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1) before bind()');
    expect(other).toContain('2 calls, 2 refused');
  });
});

it('is drawn from the usual size when nothing else is said', () => {
  expect(look(stateOf(busyGroup(2)), USUAL).lines()).toHaveLength(24);
});
