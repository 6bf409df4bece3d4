import { describe, expect, it } from 'vitest';
import type { BindEvent, Event, ListenedEvent, PortEvent } from '../../../../../src/core/event.js';
import { ALL, at, listen, NETNS, slot, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const refused = (seconds: number, change: Partial<BindEvent> = {}): BindEvent => ({
  kind: 'bind',
  tsNs: at(seconds),
  pid: 77,
  tid: 77,
  uid: 0,
  comm: 'python3',
  fd: 3,
  proto: 'tcp',
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  reuseport: false,
  reuseaddr: false,
  ret: -98,
  ino: 99,
  ...change,
});
const held: Event[] = [listen(1), slot(1, 0, 2), listen(2)];
const culprit: PortEvent = {
  kind: 'port',
  tsNs: at(2),
  tid: 77,
  ino: 99,
  netns: NETNS,
  lport: 8888,
  ret: -98,
  state: 7,
  path: 'refused',
  uid: 0,
  reuseport: true,
  reuseaddr: false,
  hasGroup: false,
  laddr: '0.0.0.0',
  culprit: { ino: 1, uid: 33, state: 10, reuseport: true, reuseaddr: false, laddr: '0.0.0.0' },
};

describe('a refused bind', () => {
  it('says what failed and who holds the port', () => {
    const [finding] = found('bind-refused', [...held, refused(2), tick(3)]);
    expect(finding?.text).toBe(
      "tcp 0.0.0.0:8888 bind() of pid 77 python3: EADDRINUSE: This socket did not set SO_REUSEPORT before bind(). On 0.0.0.0:8888 now: 2 sockets with SO_REUSEPORT: pid 1001 nginx, pid 1002 nginx. Sockets that share a port must have one effective uid: theirs is 33, this one's 0.",
    );
    expect(finding).toMatchObject({
      severity: 'warning',
      group: expect.stringContaining('8888'),
      sinceNs: at(2),
      doubt: expect.stringMatching(/not by the kernel/),
      advice: expect.stringMatching(/^Run it as uid 33, and setsockopt/),
      evidence: { errno: 'EADDRINUSE', pid: 77, times: 1, lport: 8888, holderIno: null },
    });
  });

  it("rests on the kernel's verdict where there is one", () => {
    const [finding] = found('bind-refused', [...held, culprit, refused(2, { reuseport: true }), tick(3)]);
    expect(finding?.text).toMatch(
      /In the way: a listener of pid 1001 nginx on 0.0.0.0:8888. Sockets that share/,
    );
    expect(finding).toMatchObject({ doubt: null, evidence: { holderIno: 1 } });
  });

  it('that is tried again is one finding', () => {
    const events = [...held, ...[2, 3, 4, 9].map((second) => refused(second)), tick(10)];
    expect(said('bind-refused', events)).toEqual([
      expect.stringMatching(/python3: EADDRINUSE \(4 times\): /),
    ]);
  });

  it('keeps its words while the sockets come and go', () => {
    const events = [...held, refused(2), tick(3)];
    expect(said('bind-refused', [...events, listen(3, 4), listen(4, 4), tick(5)])).toEqual(
      said('bind-refused', events),
    );
  });

  it.each<[string, Event[], 'note' | 'warning']>([
    ['nginx beside nginx, as nginx -t does', [...held, refused(2, { comm: 'nginx' })], 'note'],
    [
      'nginx beside another server',
      [listen(1, 1, { comm: 'app' }), refused(2, { comm: 'nginx' })],
      'warning',
    ],
    [
      'nginx beside an nginx that shares nothing',
      [listen(1, 1, { reuseport: false }), refused(2, { comm: 'nginx' })],
      'warning',
    ],
    ['nginx that did set the option', [...held, refused(2, { comm: 'nginx', reuseport: true })], 'warning'],
  ])('%s', (_, events, severity) => {
    expect(found('bind-refused', [...events, tick(3)])).toMatchObject([{ severity }]);
  });

  it('of another program or address is another', () => {
    const events = [refused(2), refused(2, { comm: 'app' }), refused(2, { laddr: '::1' }), tick(3)];
    expect(said('bind-refused', events)).toHaveLength(3);
  });

  it('is told for a minute', () => {
    expect(said('bind-refused', [refused(2), ...beats(3, 62)])).toHaveLength(1);
    expect(said('bind-refused', [refused(2), ...beats(3, 63)])).toEqual([]);
  });

  it('has no evil name, and is not told a thousand times', () => {
    const evil = Array.from({ length: 500 }, (_, i) => refused(2, { comm: `\u001b[2J${i}` }));
    const lines = said('bind-refused', [...evil, tick(3)]);
    expect(lines).toHaveLength(32);
    expect(lines.join('')).not.toMatch(/\u001b/);
  });

  it('at listen() is one too', () => {
    const { proto: _, ...call } = refused(2, { reuseaddr: true });
    const listened: ListenedEvent = { ...call, kind: 'listened', backlog: 5 };
    expect(said('bind-refused', [listened, tick(3)])).toEqual([
      expect.stringMatching(/^! tcp 0.0.0.0:8888 listen\(\) of pid 77 python3: EADDRINUSE/),
    ]);
  });
});

it.each<[string, BindEvent]>([
  ['one that was let in', refused(2, { ret: 0 })],
  ['a wrong call', refused(2, { ret: -22 })],
  ['one on another port than asked for', refused(2, { lport: 9999 })],
])('no refused bind is %s', (_, event) =>
  expect(said('bind-refused', [event, tick(3)], { ...ALL, ports: [8888] })).toEqual([]),
);
