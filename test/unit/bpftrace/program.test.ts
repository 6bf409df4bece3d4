import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bufferPages,
  functionsOf,
  joinParts,
  joinProgram,
  joinSources,
  NOTHING_ABSENT,
  PROBE_FILES,
  partsNamed,
  partsOf,
  probeSource,
  programParams,
  TICK,
} from '../../../src/bpftrace/program.js';
import { RUNGS } from '../../../src/core/rung.js';
import { MEMBERS, NEEDS } from '../../../src/host/functions.js';
import { packageRoot } from '../../../src/package.js';

const PROBES = new URL('probes/', packageRoot());
const files = readdirSync(PROBES, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.bt'),
);

const end = (body: string): string => `END\n{\n${body}\n}\n`;
const probe = (name: string, body = '  @a = 1;'): string => `${name}\n{\n${body}\n}\n`;

describe('joining probe files', () => {
  it.each<[string, string[], string]>([
    ['one file stays as it is', [probe('interval:s:1')], probe('interval:s:1')],
    [
      'files follow one another',
      [probe('interval:s:1'), probe('interval:s:2')],
      `${probe('interval:s:1')}\n${probe('interval:s:2')}`,
    ],
    [
      'END blocks become one, at the end',
      [probe('interval:s:1') + end('  clear(@a);'), end('  clear(@b);\n  clear(@c);')],
      `${probe('interval:s:1')}\n${end('  clear(@a);\n  clear(@b);\n  clear(@c);')}`,
    ],
    [
      'BEGIN blocks become one, at the beginning',
      [`BEGIN\n{\n  @a = 1;\n}\n${probe('interval:s:1')}`, 'BEGIN\n{\n  @b = 1;\n}\n'],
      `BEGIN\n{\n  @a = 1;\n  @b = 1;\n}\n\n${probe('interval:s:1')}`,
    ],
  ])('%s', (_, sources, joined) => expect(joinSources(sources)).toBe(joined));

  it('leaves out the probes of functions that a kernel lacks, and lines that need them or a member', () => {
    const source = `${probe('kfunc:one')}${probe('kretfunc:two', '  @x = 1; // needs one\n  @y = 1; // needs sk.cpu\n  @z = 1;')}`;
    const absent = { functions: new Set(['one']), members: new Set(['sk.cpu']) };
    expect(joinSources([source], absent)).toBe(probe('kretfunc:two', '  @z = 1;'));
    expect(joinSources([source])).toBe(source);
  });

  it.each([
    ['none', [], 'kprobe:one,\nkprobe:two'],
    ['one', ['one'], 'kprobe:two'],
    ['the other', ['two'], 'kprobe:one'],
  ])('leaves a probe of two functions to those that are there: without %s', (_, without, name) => {
    const absent = { functions: new Set(without), members: new Set<string>() };
    const joined = joinSources([probe('kprobe:one,\nkprobe:two') + probe('kfunc:three')], absent);
    expect(joined).toBe(probe(name) + probe('kfunc:three'));
    expect(functionsOf(joined)).toEqual([...name.matchAll(/one|two/g)].map(String).concat('three'));
  });

  it('leaves out a probe of two functions when neither is there', () => {
    const absent = { functions: new Set(['one', 'two']), members: new Set<string>() };
    expect(joinSources([probe('kprobe:one,\nkprobe:two') + probe('kfunc:three')], absent)).toBe(
      probe('kfunc:three'),
    );
  });

  it('knows the functions that a program is on', () => {
    const program = `${probe('kfunc:one')}${probe('kretfunc:two')}${probe('kprobe:one')}${probe('tracepoint:sock:three')}`;
    expect(functionsOf(program)).toEqual(['one', 'two']);
  });
});

describe('the parameters', () => {
  it.each([
    ['no port', [], ['0', '0', '0', '0', '1000', '0']],
    ['one port', [80], ['80', '80', '80', '80', '1000', '0']],
    ['two ports', [80, 443], ['80', '443', '80', '80', '1000', '0']],
    ['four ports', [80, 443, 8080, 8888], ['80', '443', '8080', '8888', '1000', '0']],
    ['five ports: the kernel passes all', [1, 2, 3, 4, 5], ['0', '0', '0', '0', '1000', '1']],
  ])('%s', (_, ports, params) => expect(programParams(ports, 1000)).toEqual(params));

  it.each([
    ['none', 0, '1'],
    ['few', 1, '10'],
    ['what no tenth of a second can share evenly', 1234, '1240'],
    ['most', 30_000, '30000'],
  ])('details a second: %s', (_, perSecond, param) => expect(programParams([], perSecond)[4]).toBe(param));
});

describe('the pages of the buffer', () => {
  it.each([
    ['no details', 0, 128],
    ['the default', 250, 128],
    ['a thousand', 1000, 128],
    ['most', 30_000, 512],
  ])('%s', (_, perSecond, pages) => expect(bufferPages(perSecond)).toBe(pages));
});

describe.each(RUNGS.filter((rung) => PROBE_FILES[rung].length > 0))('the program of the %s rung', (rung) => {
  const program = joinProgram(rung);
  it('has one BEGIN and one END at most, and whole blocks', () => {
    const count = (pattern: RegExp): number => [...program.matchAll(pattern)].length;
    expect(count(/^BEGIN$/gm)).toBeLessThanOrEqual(1);
    expect(count(/^END$/gm)).toBe(1);
    expect(count(/^\{$/gm)).toBe(count(/^\}$/gm));
  });

  it('clears every map at the end that it would print otherwise, but for the counters', () => {
    const maps = new Set(
      [...program.replace(/\/\*[\s\S]*?\*\//g, '').matchAll(/@(\w+)/g)].map(([, name = '']) => name),
    );
    const cleared = new Set([...program.matchAll(/clear\(@(\w+)\)/g)].map(([, name = '']) => name));
    const printed = new Set([...program.matchAll(/print\(@(\w+)\)/g)].map(([, name = '']) => name));
    expect([...maps].filter((map) => !cleared.has(map) && !printed.has(map))).toEqual([]);
  });
});

describe.each(files)('probes/%s', (file) => {
  const text = readFileSync(new URL(file, PROBES), 'utf8');
  const header = /^\/\*\n([\s\S]*?)\n \*\/\n/.exec(text)?.[1] ?? '';

  it('is part of a rung', () => expect([...Object.values(PROBE_FILES).flat(), TICK]).toContain(file));

  it('begins with its manual', () => {
    const name = file.split('/').at(-1) ?? file;
    const sections = ['USAGE:', 'EVENTS', 'EXAMPLE', 'KERNELS:', 'OVERHEAD:', 'BLIND SPOTS:'];
    const places = [` * ${name} - `, ...sections.map((section) => ` * ${section}`)].map((start) =>
      `\n${header}`.indexOf(`\n${start}`),
    );
    expect(places.filter((place) => place < 0)).toEqual([]);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it('has no tab and no space at the end of a line', () => {
    expect(text.split('\n').filter((line) => /\t|\s$/.test(line))).toEqual([]);
  });

  it('prints no name that a stranger chose: only numbers, and addresses from ntop', () => {
    const formats = [...text.matchAll(/printf\("([^"]*)"/g)].map(([, format = '']) => format);
    expect(formats.filter((format) => /%[^lduxs\\]/.test(format) || !format.endsWith('\\n'))).toEqual([]);
    expect(text.replace(/\/\*[\s\S]*?\*\//g, '')).not.toMatch(/\bcomm\b(?!\))|\bstr\(|\bbuf\(|\bkstack\b/);
  });
});

describe('the programs of a run', () => {
  const all = RUNGS.flatMap((rung) => ([null, 'tcp', 'udp'] as const).map((proto) => [rung, proto] as const));

  it.each(all)('%s, %s: have every probe once that the rung has of it', (rung, proto) => {
    const { first, later } = partsOf(rung, proto);
    const programs = [
      joinParts(rung, NOTHING_ABSENT, first, proto ?? 'both'),
      joinParts(rung, NOTHING_ABSENT, later, null),
    ];
    const probesIn = (text: string): string[] =>
      text.match(/^(?:kfunc|kretfunc|kprobe|kretprobe|tracepoint):.*$/gm) ?? [];
    const isLeft = (file: string): boolean =>
      proto === 'tcp'
        ? !file.endsWith('udp.bt')
        : proto === 'udp'
          ? !/(?:pick|listen|drop)\.bt/.test(file)
          : true;
    const whole = PROBE_FILES[rung].filter(isLeft).flatMap((file) => probesIn(probeSource(rung, file)));
    expect(programs.flatMap(probesIn).sort()).toEqual(whole.sort());
    for (const program of programs) expect(program.match(/printf\("tick /g)?.length).toBe(2);
  });

  it.each([
    ['ERROR: Error loading program: tracepoint:syscalls:sys_enter_bind', ['bind']],
    [
      'ERROR: Error loading BPF program for sys_exit_setsockopt. tracepoint:syscalls:sys_exit_setsockopt',
      ['attach'],
    ],
    ['ERROR: Error loading program: interval:ms:100', ['steer']],
    ['ERROR: something else', []],
  ])('%s is about %j', (said, named) => {
    expect(partsNamed('tracepoint', ['listen', 'bind', 'attach', 'steer'], said)).toEqual(named);
  });
});

describe('what a kernel may lack', () => {
  const programs = (['fentry', 'kprobe'] as const).map((rung) => joinProgram(rung)).join('\n');

  it('is asked for every function that is probed, and for no other', () => {
    expect(functionsOf(programs).sort()).toEqual(NEEDS.map((need) => need.function).sort());
  });

  it('is asked for everything that a line says it needs', () => {
    const needed = [...programs.matchAll(/\/\/ needs ([\w.]+)$/gm)].map((match) => match[1]);
    expect(needed.length).toBeGreaterThan(0);
    for (const name of needed) expect([...MEMBERS, ...NEEDS.map((need) => need.function)]).toContain(name);
  });
});
