import { describe, expect, it } from 'vitest';
import type { Event, ProcessEvent } from '../../../../../src/core/event.js';
import { at, attached, listen, meta, NETNS, owners, slot, socket } from '../../../events.js';
import { beats, said } from './said.js';

type Who = Partial<ProcessEvent> & { readonly exe?: string };
const process = (pid: number, who: Who): ProcessEvent => ({
  kind: 'process',
  tsNs: at(1),
  pid,
  command: null,
  unit: null,
  runtime: null,
  container: null,
  pod: null,
  ...who,
});

/** One member for each, held by a process of its own. */
const group = (...all: readonly Who[]): Event[] => [
  meta(),
  attached(1),
  ...all.flatMap((who, i) => [
    listen(i + 1),
    slot(i + 1, i, all.length),
    process(71 + i, who),
    owners(i + 1, 71 + i),
  ]),
];
const settled = (...all: readonly Who[]): string[] => said('strangers', [...group(...all), ...beats(2, 8)]);

const PYTHON = '/usr/bin/python3.11';

describe('one group', () => {
  it.each<[string, readonly Who[], RegExp]>([
    [
      'two programs',
      [{ exe: '/usr/sbin/nginx' }, { exe: '/usr/sbin/nginx' }, { exe: '/opt/shop/shop' }],
      /^! tcp 0\.0\.0\.0:8888 is shared by different programs: \/usr\/sbin\/nginx \(pid 71 nginx, 2 sockets\) and \/opt\/shop\/shop \(pid 73 nginx, 1 socket\)/,
    ],
    [
      'two scripts of one interpreter',
      [
        { exe: PYTHON, command: 'python3 -u /srv/new.py --port 1' },
        { exe: PYTHON, command: 'python3 /srv/old.py' },
      ],
      /^! .*python3\.11 \/srv\/new\.py .* and .*\/srv\/old\.py/,
    ],
    [
      'two versions of one program, for a while',
      [{ exe: '/usr/sbin/nginx (deleted)' }, { exe: '/usr/sbin/nginx' }],
      /^i tcp 0\.0\.0\.0:8888 is shared by two versions of \/usr\/sbin\/nginx: 1 socket of a program whose file was replaced/,
    ],
    [
      'two containers of one program',
      [
        { exe: '/app', runtime: 'docker', container: 'a'.repeat(64) },
        { exe: '/app', runtime: 'docker', container: 'b'.repeat(64) },
      ],
      /^i .* is shared by 2 containers or units/,
    ],
  ])('is of strangers: %s', (_, all, expected) => {
    expect(settled(...all)).toHaveLength(1);
    expect(settled(...all)[0]).toMatch(expected);
  });

  it('is warned of when the old version stays', () => {
    const all = group({ exe: '/usr/sbin/nginx (deleted)' }, { exe: '/usr/sbin/nginx' });
    expect(said('strangers', [...all, ...beats(2, 8), ...beats(602, 603)])[0]).toMatch(/^! .* two versions/);
  });

  it.each<[string, readonly Who[]]>([
    ['workers of one program', [{ exe: '/usr/sbin/nginx' }, { exe: '/usr/sbin/nginx' }]],
    [
      'workers that give themselves titles',
      [
        { exe: PYTHON, command: 'python3 /usr/bin/gunicorn app' },
        { exe: PYTHON, command: 'gunicorn: worker [app]' },
      ],
    ],
    [
      'instances of one template',
      [
        { exe: '/app', unit: 'app@1.service' },
        { exe: '/app', unit: 'app@2.service' },
      ],
    ],
    ['programs that may not be read', [{}, { exe: '/app' }]],
    ['one alone', [{ exe: '/app' }]],
  ])('is fine: %s', (_, all) => expect(settled(...all)).toEqual([]));

  it('is fine while it is young', () =>
    expect(said('strangers', [...group({ exe: '/a' }, { exe: '/b' }), ...beats(2, 4)])).toEqual([]));
});

describe('a UDP port that was drawn', () => {
  const draw = (ino: number, pid: number): Event => ({
    kind: 'drawn',
    tsNs: at(1),
    ino,
    netns: NETNS,
    lport: 8888,
    pid,
    comm: 'lamp',
  });
  const bound = (...inos: readonly number[]): Event[] =>
    inos.flatMap((ino, i) => [
      socket(ino, { proto: 'udp', drops: 0 }),
      slot(ino, i, inos.length, { proto: 'udp' }),
    ]);

  it('and is that of another process, is told', () =>
    expect(said('strangers', [meta(), draw(1, 71), draw(2, 72), ...bound(1, 2), ...beats(2, 8)])).toEqual([
      '! udp 0.0.0.0:8888 was drawn by pid 71 lamp with bind() to port 0, and 1 other socket of another process has it, too: datagrams go to any of them',
    ]));

  it.each<[string, Event[]]>([
    ['nobody else has it', [meta(), draw(1, 71), ...bound(1), ...beats(2, 8)]],
    ['both are of one process', [meta(), draw(1, 71), draw(2, 71), ...bound(1, 2), ...beats(2, 8)]],
  ])('is fine when %s', (_, events) => expect(said('strangers', events)).toEqual([]));
});
