import { describe, expect, it } from 'vitest';
import { parseArgs } from '../../../src/args/args.js';
import type { View } from '../../../src/args/request.js';

const parse = (line: string) => parseArgs(line === '' ? [] : line.split(' '), '1.2.3');

const VIEW: View = {
  ports: [],
  family: null,
  proto: null,
  netns: null,
  pid: null,
  duration: null,
  show: { kind: 'auto', color: true, ascii: false },
};
/** 10.0.0.1 and ::1 as 16 bytes in hex. */
const V4 = `${'0'.repeat(20)}ffff0a000001`;
const V6 = '1'.padStart(32, '0');
const TRACE = { command: 'trace', view: VIEW, rung: null, record: null, budgetPerSecond: 250 };

describe('a live run', () => {
  it.each<[string, Partial<View>]>([
    ['', {}],
    ['-P 8888', { ports: [8888] }],
    ['--port 1', { ports: [1] }],
    ['--port=65535', { ports: [65_535] }],
    ['-P80', { ports: [80] }],
    ['-P 80,443', { ports: [80, 443] }],
    ['-P 80 -P 443,8080', { ports: [80, 443, 8080] }],
    ['-P 80,80 --port 80', { ports: [80] }],
    ['-P 0080', { ports: [80] }],
    ['-4', { family: 4 }],
    ['--ipv6', { family: 6 }],
    ['-4 -6', { family: null }],
    ['-p 1', { pid: 1 }],
    ['--pid 4194304', { pid: 4_194_304 }],
    ['--netns blue', { netns: 'blue' }],
    ['--netns 4026531833', { netns: '4026531833' }],
    ['--output tui', { show: { kind: 'screen', color: true, ascii: false } }],
    ['--output lines', { show: { kind: 'lines' } }],
    ['--output ndjson --duration 10', { show: { kind: 'ndjson' }, duration: 10 }],
    ['--duration 0.5', { duration: 0.5 }],
    ['--once', { show: { kind: 'once' }, duration: 1 }],
    ['--once --duration 3', { show: { kind: 'once' }, duration: 3 }],
    ['--explain 10.0.0.1', { show: { kind: 'explain', client: { text: '10.0.0.1', bits: V4, port: null } } }],
    [
      '--explain 10.0.0.1:80',
      { show: { kind: 'explain', client: { text: '10.0.0.1:80', bits: V4, port: 80 } } },
    ],
    [
      '--explain [::ffff:10.0.0.1]:80',
      { show: { kind: 'explain', client: { text: '[::ffff:10.0.0.1]:80', bits: V4, port: 80 } } },
    ],
    ['--explain ::1', { show: { kind: 'explain', client: { text: '::1', bits: V6, port: null } } }],
    ['--explain [::1]:80', { show: { kind: 'explain', client: { text: '[::1]:80', bits: V6, port: 80 } } }],
    [
      '--explain ::1 --output lines --duration 5',
      { show: { kind: 'explain', client: { text: '::1', bits: V6, port: null } }, duration: 5 },
    ],
    ['--no-color --ascii', { show: { kind: 'auto', color: false, ascii: true } }],
  ])('%j', (line, view) => expect(parse(line)).toEqual({ ...TRACE, view: { ...VIEW, ...view } }));

  it.each([
    ['--probe tracepoint', { rung: 'tracepoint' }],
    ['--probe fentry', { rung: 'fentry' }],
    ['--record a.gz', { record: { path: 'a.gz', maxBytes: null, force: false } }],
    ['--record a --force', { record: { path: 'a', maxBytes: null, force: true } }],
    ['--record a --record-max 8M', { record: { path: 'a', maxBytes: 8 << 20, force: false } }],
    ['--record a --record-max 1.5g', { record: { path: 'a', maxBytes: 1.5 * 2 ** 30, force: false } }],
    ['--record a --record-max 500MB', { record: { path: 'a', maxBytes: 500 << 20, force: false } }],
    ['--record a --record-max 9000KiB', { record: { path: 'a', maxBytes: 9000 << 10, force: false } }],
    ['--record a --record-max 99999999', { record: { path: 'a', maxBytes: 99_999_999, force: false } }],
    ['--details 0', { budgetPerSecond: 0 }],
    ['--details 1', { budgetPerSecond: 1 }],
    ['--details 30000', { budgetPerSecond: 30_000 }],
  ])('%j', (line, options) => expect(parse(line)).toEqual({ ...TRACE, ...options }));
});

describe('questions on the hash', () => {
  const ASKED = { ...TRACE, view: { ...VIEW, ports: [80], duration: 30 } };
  const sources = { text: '10.0.0.7:1-2', raddr: '10.0.0.7', from: 1, to: 2 };
  const predict = { kind: 'predict', sources, to: null, output: 'lines' } as const;
  const reach = {
    kind: 'reach',
    wanted: { index: 3 },
    from: null,
    to: null,
    connections: 0,
    output: 'lines',
  };

  it.each([
    ['predict -P 80 10.0.0.7:1-2', {}, predict],
    [
      'predict -P 80 10.0.0.7:1-2 --to 10.0.0.5 --output ndjson --duration 5 -u',
      { duration: 5, proto: 'udp' },
      { ...predict, to: '10.0.0.5', output: 'ndjson' },
    ],
    ['reach -P 80 --index 3', {}, reach],
    ['reach -P 80 --pid 9 --connect', {}, { ...reach, wanted: { pid: 9 }, connections: 1 }],
    [
      'reach -P 80 --index 3 --connect 50 --from 10.0.0.9 --to 10.0.0.5',
      {},
      { ...reach, connections: 50, from: '10.0.0.9', to: '10.0.0.5' },
    ],
  ])('%j', (line, view, show) =>
    expect(parse(line)).toEqual({ ...ASKED, view: { ...ASKED.view, ...view, show } }),
  );

  it('are put to a recording, too', () =>
    expect(parse('predict --replay a.1 --replay a 10.0.0.7:1-2')).toEqual({
      command: 'replay',
      view: { ...VIEW, show: predict },
      recorded: { paths: ['a.1', 'a'], speed: Number.POSITIVE_INFINITY, from: null, until: null },
    }));

  it.each([
    ['--learn-hash', { ...VIEW.show, learnHash: true }],
    [
      '--learn-hash --explain ::1',
      { kind: 'explain', client: { text: '::1', bits: V6, port: null }, learnHash: true },
    ],
  ])('are prepared by %j', (line, show) =>
    expect(parse(line)).toEqual({ ...TRACE, view: { ...VIEW, show } }),
  );
});

describe('serve', () => {
  const SERVE = {
    command: 'trace',
    view: { ...VIEW, show: { kind: 'serve', listen: { host: '127.0.0.1', port: 9475 } } },
    rung: null,
    record: null,
    budgetPerSecond: 250,
  };
  it.each([
    ['serve', {}],
    ['serve -P 80,443 -4', { view: { ...SERVE.view, ports: [80, 443], family: 4 } }],
    [
      'serve --netns web --probe kprobe --details 10',
      { view: { ...SERVE.view, netns: 'web' }, rung: 'kprobe', budgetPerSecond: 10 },
    ],
    [
      'serve --record a.gz --record-max 500M --force',
      { record: { path: 'a.gz', maxBytes: 500 << 20, force: true } },
    ],
    [
      'serve --listen 10.0.0.1',
      { view: { ...SERVE.view, show: { kind: 'serve', listen: { host: '10.0.0.1', port: 9475 } } } },
    ],
    [
      'serve --listen 0.0.0.0:80',
      { view: { ...SERVE.view, show: { kind: 'serve', listen: { host: '0.0.0.0', port: 80 } } } },
    ],
    [
      'serve --listen [::1]:9476',
      { view: { ...SERVE.view, show: { kind: 'serve', listen: { host: '::1', port: 9476 } } } },
    ],
    [
      'serve --listen [::]',
      { view: { ...SERVE.view, show: { kind: 'serve', listen: { host: '::', port: 9475 } } } },
    ],
    [
      'serve --listen fd00::1',
      { view: { ...SERVE.view, show: { kind: 'serve', listen: { host: 'fd00::1', port: 9475 } } } },
    ],
  ])('%j', (line, change) => expect(parse(line)).toEqual({ ...SERVE, ...change }));

  it.each([
    'localhost:9475',
    ':9475',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:',
    '[::1:80',
    '1.2.3',
    '',
  ])('does not listen on %j', (address) => {
    const request = parseArgs(['serve', '--listen', address], '1.2.3');
    expect(request).toMatchObject({ command: 'print', exitCode: 2 });
    expect(request).toHaveProperty(
      'text',
      expect.stringContaining(`'${address}' is not like 127.0.0.1:9475`),
    );
  });
});

describe('a replay, and doctor', () => {
  const RECORDED = { paths: ['run.ndjson'], speed: 1, from: null, until: null };
  const REPLAY = { command: 'replay', view: VIEW, recorded: RECORDED };
  const recorded = (change: object): object => ({ ...REPLAY, recorded: { ...RECORDED, ...change } });
  it.each<[string, object]>([
    ['replay run.ndjson', REPLAY],
    ['replay a.2 a.1 a', recorded({ paths: ['a.2', 'a.1', 'a'] })],
    ['replay run.ndjson --speed 2.5', recorded({ speed: 2.5 })],
    ['replay --speed 0 run.ndjson', recorded({ speed: Number.POSITIVE_INFINITY })],
    [
      'replay run.ndjson --from 90 --until 03:12',
      recorded({ from: { kind: 'after', ns: 90e9 }, until: { kind: 'clock', ms: 11_520_000 } }),
    ],
    [
      'replay run.ndjson -P 80 --once',
      {
        ...recorded({ speed: Number.POSITIVE_INFINITY }),
        view: { ...VIEW, ports: [80], show: { kind: 'once' } },
      },
    ],
    [
      'replay run.ndjson --explain ::1',
      {
        ...REPLAY,
        view: { ...VIEW, show: { kind: 'explain', client: { text: '::1', bits: V6, port: null } } },
      },
    ],
    ['doctor', { command: 'doctor', output: 'lines' }],
    ['doctor --output ndjson', { command: 'doctor', output: 'ndjson' }],
    ['doctor --program kprobe', { command: 'program', rung: 'kprobe' }],
  ])('%j', (line, request) => expect(parse(line)).toEqual(request));
});

describe('a check', () => {
  const CHECK = {
    ...TRACE,
    view: { ...VIEW, show: { kind: 'check', output: 'lines' }, duration: 10 },
  };
  it.each<[string, object]>([
    ['check', CHECK],
    ['check -P 80 --duration 60', { ...CHECK, view: { ...CHECK.view, ports: [80], duration: 60 } }],
    ['check --output json', { ...CHECK, view: { ...CHECK.view, show: { kind: 'check', output: 'json' } } }],
    ['check --probe kprobe --details 10', { ...CHECK, rung: 'kprobe', budgetPerSecond: 10 }],
    ['check --record a', { ...CHECK, record: { path: 'a', maxBytes: null, force: false } }],
    [
      'check a.1 a --output ndjson',
      {
        command: 'replay',
        view: { ...CHECK.view, show: { kind: 'check', output: 'ndjson' }, duration: null },
        recorded: { paths: ['a.1', 'a'], speed: Number.POSITIVE_INFINITY, from: null, until: null },
      },
    ],
  ])('%j', (line, request) => expect(parse(line)).toEqual(request));
});

describe('report', () => {
  const LIVE = { ...TRACE, view: { ...VIEW, duration: 60 } };
  const to = (path: string | null, format: string | null = null, force = false): object => ({
    show: { kind: 'report', to: { format, path, force } },
  });
  it.each<[string, object]>([
    ['report', { ...LIVE, view: { ...LIVE.view, ...to(null) } }],
    [
      'report -o a.html --record b --force',
      {
        ...LIVE,
        view: { ...LIVE.view, ...to('a.html', 'html', true) },
        record: { path: 'b', maxBytes: null, force: true },
      },
    ],
    ['report -o a.md --force', { ...LIVE, view: { ...LIVE.view, ...to('a.md', 'markdown', true) } }],
  ])('%j', (line, request) => expect(parse(line)).toEqual(request));
});

describe('wrong arguments', () => {
  it.each([
    ['-P 0', "option '-P, --port <ports>' argument '0' is invalid. '0' is not a port from 1 to 65535."],
    [
      '-P 70000',
      "option '-P, --port <ports>' argument '70000' is invalid. '70000' is not a port from 1 to 65535.",
    ],
    [
      '-P 80,foo',
      "option '-P, --port <ports>' argument '80,foo' is invalid. 'foo' is not a port from 1 to 65535.",
    ],
    ['-P 80,', "option '-P, --port <ports>' argument '80,' is invalid. '' is not a port from 1 to 65535."],
    [
      '-P 80-90',
      "option '-P, --port <ports>' argument '80-90' is invalid. '80-90' is not a port from 1 to 65535.",
    ],
    ['-P -80', "option '-P, --port <ports>' argument '-80' is invalid. '-80' is not a port from 1 to 65535."],
    ['-P 1e3', "option '-P, --port <ports>' argument '1e3' is invalid. '1e3' is not a port from 1 to 65535."],
    [
      '-P 0x50',
      "option '-P, --port <ports>' argument '0x50' is invalid. '0x50' is not a port from 1 to 65535.",
    ],
    ['-P', "option '-P, --port <ports>' argument missing"],
    ['-p 0', "option '-p, --pid <pid>' argument '0' is invalid. '0' is not a process id from 1 to 4194304."],
    [
      '-p nginx',
      "option '-p, --pid <pid>' argument 'nginx' is invalid. 'nginx' is not a process id from 1 to 4194304.",
    ],
    [
      '--duration 0',
      "option '--duration <seconds>' argument '0' is invalid. '0' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--duration -1',
      "option '--duration <seconds>' argument '-1' is invalid. '-1' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--duration 10s',
      "option '--duration <seconds>' argument '10s' is invalid. '10s' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--duration 1e3',
      "option '--duration <seconds>' argument '1e3' is invalid. '1e3' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--duration Infinity',
      "option '--duration <seconds>' argument 'Infinity' is invalid. 'Infinity' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--duration 3000000',
      "option '--duration <seconds>' argument '3000000' is invalid. '3000000' is not a number of seconds above 0 and up to 2000000.",
    ],
    [
      '--output json',
      "option '--output <kind>' argument 'json' is invalid. Allowed choices are tui, lines, ndjson.",
    ],
    [
      '--probe kfunc',
      "option '--probe <rung>' argument 'kfunc' is invalid. Allowed choices are fentry, kprobe, tracepoint.",
    ],
    [
      '--details -1',
      "option '--details <per-second>' argument '-1' is invalid. '-1' is not a rate from 0 to 30000.",
    ],
    [
      '--details 30001',
      "option '--details <per-second>' argument '30001' is invalid. '30001' is not a rate from 0 to 30000.",
    ],
    ...['localhost', '10.0.0', '10.0.0.1:0', '[::1]:', ':80'].map((text) => [
      `--explain ${text}`,
      `option '--explain <client>' argument '${text}' is invalid. '${text}' is not like 10.0.0.1, 10.0.0.1:80, ::1 or [::1]:80.`,
    ]),
    ['--explain ::1 --output tui', "option '--explain <client>' cannot be used with option '--output tui'"],
    [
      'replay a --output ndjson --explain ::1',
      "option '--explain <client>' cannot be used with option '--output ndjson'",
    ],
    ['--explain ::1 --once', "option '--explain <client>' cannot be used with option '--once'"],
    ['--prot 80', "unknown option '--prot'\n(Did you mean --port?)"],
    ['8888', 'too many arguments. Expected 0 arguments but got 1.'],
    ['replay', "missing required argument 'file'"],
    [
      'check --output tui',
      "option '--output <kind>' argument 'tui' is invalid. Allowed choices are lines, json, ndjson.",
    ],
    ['check --ascii', "unknown option '--ascii'"],
    ['--learn-hash --once', "option '--learn-hash' is of the screen and of '--explain <client>'"],
    ['predict 10.0.0.7', "one '--port <port>' is needed"],
    ['predict -P 80,81 10.0.0.7', "one '--port <port>' is needed"],
    ['predict -P 80', "missing required argument 'client'"],
    [
      'predict -P 80 10.0.0.7:2-1',
      "command-argument value '10.0.0.7:2-1' is invalid for argument 'client'. '10.0.0.7:2-1' is not like 10.0.0.1, 10.0.0.1:40012 or 10.0.0.1:40000-40999.",
    ],
    ['reach -P 80', "'--index <index>' or '--pid <pid>' is needed"],
    [
      'reach -P 80 --index 1 --pid 2',
      "option '--index <index>' cannot be used with option '-p, --pid <pid>'",
    ],
    ['reach --index 1', "one '--port <port>' is needed"],
    [
      'reach -P 80 --index 1 --connect 0',
      "option '--connect [times]' argument '0' is invalid. '0' is not a number of connections from 1 to 1000.",
    ],
    [
      'reach -P 80 --index 1 --from 10.0.0.1:80',
      "option '--from <address>' argument '10.0.0.1:80' is invalid. '10.0.0.1:80' is not an address such as 10.0.0.1.",
    ],
    ['doctor a', "too many arguments for 'doctor'. Expected 0 arguments but got 1."],
    [
      'replay a --from soon',
      "option '--from <time>' argument 'soon' is invalid. 'soon' is not like 90, 1h30m, 03:12, 03:12:45 or '2026-11-23 03:12'.",
    ],
    [
      '--record a --record-max 7M',
      "option '--record-max <size>' argument '7M' is invalid. '7M' is not a size of 8M or more, such as 500M or 2G.",
    ],
    [
      '--record a --record-max 1e9',
      "option '--record-max <size>' argument '1e9' is invalid. '1e9' is not a size of 8M or more, such as 500M or 2G.",
    ],
    ['--record-max 8M', "--record-max and --force need '--record <file>'"],
    ['--force', "--record-max and --force need '--record <file>'"],
    [
      'replay a --speed fast',
      "option '--speed <factor>' argument 'fast' is invalid. 'fast' is not a factor of 0 or more.",
    ],
    ['replay a --record b', "unknown option '--record'"],
    ['-P 443 check', "option '-P, --port <ports>' must come after 'check'"],
    ['--record a serve', "option '--record <file>' must come after 'serve'"],
    ['--no-color replay a', "option '--no-color' must come after 'replay'"],
    ['check a --record b', "option '--record <file>' cannot be used with a recording to read"],
    ['report a --record b', "option '--record <file>' cannot be used with a recording to read"],
    ['serve --force', "--record-max and --force need '--record <file>'"],
    ['report --force', "--force needs '--output-file <file>' or '--record <file>'"],
    ['report -o a --record-max 8M', "--record-max and --force need '--record <file>'"],
    [
      'doctor --output tui',
      "option '--output <kind>' argument 'tui' is invalid. Allowed choices are lines, ndjson.",
    ],
    [
      'doctor --program xdp',
      "option '--program <rung>' argument 'xdp' is invalid. Allowed choices are fentry, kprobe, tracepoint.",
    ],
    [
      'doctor --program fentry --output ndjson',
      "option '--program <rung>' cannot be used with option '--output <kind>'",
    ],
  ])('%j', (line, sentence) =>
    expect(parse(line)).toEqual({
      command: 'print',
      text: `reuseport-trace: ${sentence}\n  try: reuseport-trace --help\n`,
      exitCode: 2,
    }),
  );
});

describe('help and version', () => {
  it.each(['-h', '--help', 'replay --help', 'doctor -h'])('%j goes to stdout', (line) => {
    const request = parse(line);
    expect(request).toMatchObject({ command: 'print', exitCode: 0, text: expect.stringMatching(/^Usage: /) });
  });

  it('is the same every time, with examples and exit codes', () => {
    const [first, second] = [parse('--help'), parse('--help')];
    expect(first).toEqual(second);
    expect(first.command === 'print' ? first.text : '').toMatch(/\nExamples:\n[\s\S]*\nExit status: /);
  });

  it.each(['-V', '--version'])('%s prints the version', (line) =>
    expect(parse(line)).toEqual({ command: 'print', text: '1.2.3\n', exitCode: 0 }),
  );
});
