// src/core/words/refusal.ts: why a bind() was refused, by the kernel's verdict or by the sockets that are there.
import { describe, expect, it } from 'vitest';
import type { BindEvent, Culprit, PortEvent } from '../../../../src/core/event.js';
import type { LoggedCall } from '../../../../src/core/state/state.js';
import { explainRefusal } from '../../../../src/core/words/refusal.js';
import { at, busyGroup, listeners, meta, NETNS, slots, stateOf, ticks } from '../../tui/scenes.js';

const REFUSED: BindEvent = {
  kind: 'bind',
  tsNs: at(13),
  pid: 2310,
  tid: 2310,
  uid: 33,
  comm: 'app',
  fd: 3,
  proto: 'tcp',
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  reuseport: true,
  reuseaddr: false,
  ret: -98,
  ino: 55_001,
};

const call = (change: Partial<BindEvent> = {}, verdict: PortEvent | null = null): LoggedCall => ({
  ...REFUSED,
  ...change,
  verdict,
});

const verdict = (change: Partial<PortEvent>, culprit: Partial<Culprit> = {}): PortEvent => ({
  kind: 'port',
  tsNs: at(13),
  tid: 2310,
  ino: 55_001,
  netns: NETNS,
  lport: 8888,
  ret: -98,
  state: 7,
  path: 'refused',
  uid: 33,
  reuseport: true,
  reuseaddr: false,
  hasGroup: false,
  laddr: '0.0.0.0',
  culprit: {
    ino: 8_888_001,
    uid: 33,
    state: 10,
    reuseport: true,
    reuseaddr: false,
    laddr: '0.0.0.0',
    ...culprit,
  },
  ...change,
});

const text = (logged: LoggedCall, state = stateOf(busyGroup(4))): string => {
  const { reasons, fix } = explainRefusal(state, logged);
  return [...reasons, fix ?? ''].join(' ');
};

describe('a refusal without a verdict', () => {
  it.each([
    [
      'this socket lacks the option',
      { reuseport: false },
      /did not set SO_REUSEPORT.*4 sockets with SO_REUSEPORT/,
    ],
    ['another uid', { uid: 1001 }, /theirs is 33, this one's 1001.*run it as uid 33/],
    ['nothing that can be seen', {}, /Flags and uid match those/],
    ['nobody there', { lport: 9 }, /No listener is seen on that address: what holds it is not known/],
    ['an address that does not overlap', { laddr: '::1' }, /No listener is seen/],
    ['the IPv6 wildcard, which takes IPv4 too', { laddr: '::', uid: 1 }, /theirs is 33/],
    [
      'a privileged port',
      { ret: -13, uid: 1000, lport: 80 },
      /CAP_NET_BIND_SERVICE, which it has not \(uid 1000\)/,
    ],
    [
      'no such address',
      { ret: -99, laddr: '10.9.9.9' },
      /10\.9\.9\.9 is no address of that network namespace, or one that is not ready/,
    ],
    ['an error without a name here', { ret: -12 }, /for another reason/],
  ] as const)('by %s', (_, change, expected) => {
    expect(text(call(change))).toMatch(expected);
  });

  it('by a holder without the option', () => {
    const state = stateOf([
      meta(),
      ...listeners({ n: 1, lport: 8888, comm: 'ru\u001bde' }),
      ...ticks(2),
      ...slots(8888, 1, { reuseport: false }),
    ]);
    expect(text(call(), state)).toMatch(/pid 1201 ru\?de holds it without SO_REUSEPORT.*in that program too/);
  });
});

describe('a refusal with the verdict of the kernel', () => {
  it.each([
    [
      'this socket lacks the option',
      verdict({ reuseport: false }),
      /did not set SO_REUSEPORT.*a listener of pid 1202 nginx on/,
    ],
    ['the holder lacks it', verdict({}, { reuseport: false }), /It has no SO_REUSEPORT/],
    ['an old connection', verdict({}, { ino: 777, state: 1, reuseport: false }), /ESTABLISHED\) of uid 33/],
    [
      'one that is nobody’s',
      verdict({}, { ino: 0, uid: 0, state: 6, reuseport: false }),
      /In the way: an old connection \(TIME_WAIT\) on [\d.:]+\. .*wait a minute/,
    ],
    ['another uid', verdict({ uid: 1234 }), /its is 33, this one's 1234.*run it as uid 33/],
    ['a program before bind', verdict({ hasGroup: true }), /before bind\(\).*after bind\(\)/],
    [
      'listen after SO_REUSEADDR',
      verdict({ state: 10, reuseport: false }, { reuseport: false }),
      /SO_REUSEADDR; only one of such sockets/,
    ],
    [
      'listen beside one without the option',
      verdict({ state: 10 }, { reuseport: false }),
      /SO_REUSEADDR; only one of such sockets/,
    ],
    ['none of these', verdict({}), /the reason is another/],
  ] as const)('by %s', (_, seen, expected) => {
    expect(text(call({}, seen))).toMatch(expected);
  });

  it('names nobody where the kernel named nobody', () => {
    expect(text(call({ uid: 5 }, verdict({ culprit: null })))).toMatch(/theirs is 33/);
  });
});
