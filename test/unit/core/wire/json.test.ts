import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../src/core/event.js';
import { NOWHERE } from '../../../../src/core/text/place.js';
import { formatEvent, parseEvent, toJson } from '../../../../src/core/wire/json.js';
import { createLineReader } from '../../../../src/core/wire/lines.js';
import { CAPTURED } from '../../captured.js';
import {
  acceptOf,
  attached,
  close,
  count,
  ended,
  listen,
  malformed,
  meta,
  owners,
  pick,
  slot,
  socket,
  tick,
} from '../../events.js';

const group = { netns: 3, laddr: '::ffff:10.0.0.1', lport: 80 };
const where = { tsNs: 9, ino: 17, ...group };
const remote = { raddr: '2001:db8::1', rport: 65535 };
const actor = { pid: 5, comm: 'a\nb{c}\u001b[2J"\\\ufffd' };
const call = { ...where, ...actor, tid: 6, uid: 0, fd: 3, reuseport: true, reuseaddr: false, ret: -98 };

const PROCESS: Event = {
  kind: 'process',
  tsNs: 9,
  pid: 1,
  command: 'nginx: worker process',
  unit: 'nginx.service',
  runtime: 'cri-o',
  container: 'a\nb',
  pod: 'c',
};

/** One of every kind. */
const EVENTS: readonly Event[] = [
  meta({ rejected: [{ rung: 'fentry', why: 'no BTF' }] }),
  { kind: 'clock', tsNs: 9, wallMs: 1e12 },
  { kind: 'attaching', tsNs: 9 },
  attached(1),
  ended(2),
  { kind: 'ended', tsNs: 9, exitCode: null, why: '' },
  tick(3),
  { kind: 'netns', tsNs: 9, netns: 7, name: 'blue' },
  { kind: 'sysctl', tsNs: 9, netns: 7, migrateReq: 1 },
  { kind: 'open', tsNs: 9, ...group, processes: [{ pid: 5, connections: 3 }], others: 1 },
  { kind: 'open', tsNs: 9, ...group, processes: null, others: 0 },
  socket(17),
  PROCESS,
  owners(17, 1, 2),
  owners(17),
  listen(17),
  close(17),
  { kind: 'device', tsNs: 9, ino: 17, ifindex: 3 },
  slot(17, 0, 4),
  slot(17, null, 0),
  pick(17),
  pick(17, 1, { index: null, hash: 4294967295, cause: 'bpf-fallback' }),
  acceptOf(pick(17)),
  { ...acceptOf(pick(17)), fd: null, pickNs: null, waitNs: null },
  {
    kind: 'dial',
    tsNs: 5,
    ino: 12,
    netns: 4_026_531_833,
    laddr: '10.0.0.5',
    lport: 5060,
    raddr: '10.0.0.9',
    rport: 5060,
    isFailed: false,
    pid: 7,
    comm: 'sip',
  },
  { kind: 'bind', ...call, proto: 'udp' },
  { kind: 'listened', ...call, backlog: 511 },
  { kind: 'program', tsNs: 9, ino: 17, type: 21, id: 5, name: 'reject' },
  { kind: 'refused', tsNs: 9, ino: 17, netns: 3, hash: 1 },
  { kind: 'queued', tsNs: 9, ino: 17, pickNs: 5 },
  { kind: 'drop', ...where, ...remote, why: 'syn' },
  { kind: 'killed', tsNs: 9, ino: 17, netns: 3, ...remote, pickNs: null },
  { kind: 'stopping', tsNs: 9, ino: 17, netns: 3, queue: 5, synQueue: 2, ...actor },
  { kind: 'moved', tsNs: 9, ino: 17, toIno: 18, netns: 3, what: 'request' },
  { kind: 'join', ...where, ...actor, index: 0, n: 1, reuseportId: 1 },
  { kind: 'leave', ...where, ...actor, index: 0, n: 1, movedIno: 0 },
  {
    kind: 'port',
    ...where,
    tid: 6,
    ret: 0,
    state: 7,
    path: 'free',
    uid: 0,
    reuseport: true,
    reuseaddr: false,
    hasGroup: false,
    culprit: { ino: 0, uid: 1, state: 6, reuseport: false, reuseaddr: true, laddr: '0.0.0.0' },
  },
  count(17, 'dropped_syn', 2 ** 53),
  { kind: 'lost', tsNs: 9, by: 'perf', events: 3 },
  malformed(1),
  { kind: 'reset', tsNs: 9 },
];

describe.each(EVENTS)('$kind', (event) => {
  it('comes back as it was, from one line', () => {
    const line = formatEvent(event);
    expect(parseEvent(line)).toEqual(event);
    expect(line).not.toMatch(/[\u0000-\u001f]/);
  });

  it('is null without any one of its fields', () => {
    const without = Object.keys(event).map((field) => JSON.stringify({ ...event, [field]: undefined }));
    expect(without.map(parseEvent).filter((parsed) => parsed !== null)).toEqual([]);
  });

  it('is null with a field of another type', () => {
    const wrong = (value: unknown): unknown[] => [
      typeof value === 'string' ? 7 : String(value),
      { toString: 'x' },
      [value],
      typeof value === 'boolean' ? 1 : true,
    ];
    const lines = Object.entries(event)
      .filter(([, value]) => !Array.isArray(value))
      .flatMap(([field, value]) => wrong(value).map((other) => JSON.stringify({ ...event, [field]: other })));
    expect(lines.filter((line) => parseEvent(line) !== null)).toEqual([]);
  });

  it('has numbers that are finite and, but for results and differences, not negative', () => {
    const signed = ['ret', 'fd', 'waitNs', 'exitCode', 'type'];
    const fields = Object.entries(event).filter(([, value]) => typeof value === 'number');
    for (const [field] of fields) {
      const withNumber = (text: string): Event | null =>
        parseEvent(JSON.stringify({ ...event, [field]: '@' }).replace('"@"', text));
      expect([field, withNumber('1e400'), withNumber('NaN')]).toEqual([field, null, null]);
      if (!signed.includes(field)) expect([field, withNumber('-1')]).toEqual([field, null]);
    }
  });
});

it('takes a process of which nothing is known but its pid', () => {
  const event: Event = { kind: 'process', tsNs: 9, pid: 1, command: null, ...NOWHERE };
  expect(parseEvent(formatEvent(event))).toEqual(event);
});

it('has a sample of every kind that the reader of lines makes', () => {
  const kinds = new Set(EVENTS.map(({ kind }) => kind));
  const made = createLineReader().read(new TextEncoder().encode(CAPTURED));
  expect(made.filter(({ kind }) => !kinds.has(kind))).toEqual([]);
});

describe('what is no event is null', () => {
  it.each([
    '',
    ' ',
    'null',
    '1',
    '"tick"',
    'true',
    '[]',
    '[{"kind":"tick","tsNs":1}]',
    '{}',
    '{"kind":"tick"}',
    '{"tsNs":1}',
    '{"kind":"tick","tsNs":1',
    '{"kind":"tick","tsNs":"1"}',
    '{"kind":"tick","tsNs":null}',
    '{"kind":"Tick","tsNs":1}',
    '{"kind":["tick"],"tsNs":1}',
    '{"kind":{"toString":"tick"},"tsNs":1}',
    '{"kind":"__proto__","tsNs":1}',
    '{"kind":"constructor","tsNs":1}',
    '{"kind":"hasOwnProperty","tsNs":1}',
    '{"__proto__":{"kind":"tick","tsNs":1}}',
    '{"kind":"queued","tsNs":1,"__proto__":{"ino":1,"pickNs":1}}',
    '{"kind":"owners","tsNs":1,"ino":1,"holders":{"length":1}}',
    '{"kind":"owners","tsNs":1,"ino":1,"holders":[null]}',
    '{"kind":"owners","tsNs":1,"ino":1,"holders":[{"pid":1,"comm":"a"}]}',
    '{"kind":"owners","tsNs":1,"ino":1,"holders":[{"pid":1,"comm":"a","fds":["3"]}]}',
    '{"kind":"count","tsNs":1,"ino":1,"counter":"toString","total":1}',
    '{"kind":"count","tsNs":1,"ino":1,"counter":["picks"],"total":1}',
    '{"kind":"lost","tsNs":1,"by":"perf","events":-1}',
    '\ufeff{"kind":"tick","tsNs":1}',
    'pick 1 2 3',
  ])('%s', (line) => expect(parseEvent(line)).toBeNull());

  it.each([
    ['a name of a megabyte', { ...listen(1), comm: 'x'.repeat(1 << 20) }],
    ['an address with a line end', { ...listen(1), laddr: '10.0.0.1\n' }],
    ['an address with an escape sequence', { ...listen(1), laddr: '\u001b[2J' }],
    ['an empty address', { ...listen(1), laddr: '' }],
    ['a port above 65535', { ...listen(1), lport: 65_536 }],
    ['a port between two', { ...listen(1), lport: 80.5 }],
  ])('%s', (_, event) => expect(parseEvent(JSON.stringify(event))).toBeNull());

  it('whatever text it is, and it never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (line) => parseEvent(line) === null),
    );
  });
});

it('keeps fields of a newer version and changes no prototype', () => {
  const parsed = parseEvent('{"kind":"tick","tsNs":1,"new":[1],"__proto__":{"polluted":true}}');
  expect(Object.keys(parsed ?? {})).toEqual(['kind', 'tsNs', 'new', '__proto__']);
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});

it('no name moves the terminal that JSON is printed on', () => {
  const comm = '\u0000\u001b[2J\u007f\u009b2J\u202e\u2028\u{e0041}\ud800 nginx \u00e9\u{1f600}';
  const json = toJson({ comm });
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  expect(json).toContain('nginx \u00e9\u{1f600}');
  expect(JSON.parse(json)).toEqual({ comm });
  expect(toJson({ a: ['\u00e9'] }, 2)).toBe('{\n  "a": [\n    "\u00e9"\n  ]\n}');
});
