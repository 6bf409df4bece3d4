// What a report says: the numbers of NDJSON in both formats, what is unknown and why, and names that stay names.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Event, OwnersEvent } from '../../../../src/core/event.js';
import { parseEvent } from '../../../../src/core/wire/json.js';
import { memberFacts, membersOf, summaryFacts } from '../../../../src/members/facts.js';
import { checkFacts } from '../../../../src/members/verdict.js';
import { packageRoot } from '../../../../src/package.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  listen,
  meta,
  owners,
  pick,
  slot,
  socket,
  tick,
} from '../../events.js';
import { createRandom } from '../../random.js';
import { RUN } from '../run.js';
import { headingsOf, htmlRows, markdownRows, tell } from './told.js';

const FOLDER = fileURLToPath(new URL('test/fixtures/', packageRoot()));
const eventsOf = (name: string): Event[] =>
  gunzipSync(readFileSync(join(FOLDER, name)))
    .toString()
    .split('\n')
    .map(parseEvent)
    .filter((event) => event !== null);

const exact = (value: number): string => value.toLocaleString('en-US');

/** Two UDP sockets of which one is slow, as the fentry rung sees them. */
const DATAGRAMS: Event[] = [
  meta({ rung: 'fentry' }),
  attached(1),
  ...[1, 2].flatMap((ino, i) => [
    socket(ino, { proto: 'udp', tsNs: at(1), queue: 768 * i, drops: 0 }),
    slot(ino, i, 2, { proto: 'udp', backlog: 212_992, queue: 768 * i }),
    owners(ino, 100 + ino),
  ]),
  tick(2),
  count(1, 'picks', 1_234_567, 3),
  count(2, 'picks', 1_200_001, 3),
  count(1, 'received', 1_234_567, 3),
  count(2, 'received', 77, 3),
  count(2, 'overflowed', 1_199_923, 3),
  count(1, 'client_bits', 100, 3),
  tick(3),
];

const RUNS: readonly (readonly [string, readonly Event[]])[] = [
  ...readdirSync(FOLDER)
    .filter((name) => name.endsWith('.ndjson.gz'))
    .map((name) => [name, eventsOf(name)] as const),
  ['a run of four listeners', RUN],
  ['UDP', DATAGRAMS],
];

describe.each(RUNS)('of %s', (_, events) => {
  const { state, html, markdown } = tell(events);
  const rung = state.meta?.rung ?? null;
  const facts = membersOf(state).map((member) => memberFacts(member, rung));
  const headings = headingsOf(html);

  it('HTML and Markdown have the same rows', () => {
    expect(htmlRows(html)).toEqual(markdownRows(markdown));
    expect(htmlRows(html)).toHaveLength(facts.length);
  });

  it('the numbers are those of NDJSON', () => {
    const columns = headings[0] ?? [];
    const told = htmlRows(html).map(([, ...cells]) =>
      Object.fromEntries(columns.map((name, i) => [name, cells[i]])),
    );
    const wanted = facts.map(({ proto, picks, accepted, received, dropped, pid, index }) => ({
      [proto === 'udp' && rung === 'tracepoint' ? 'WAKE-UPS' : 'PICKS']: exact(picks),
      ...(proto === 'tcp' ? { ACCEPTED: exact(accepted) } : { RECEIVED: exact(received ?? 0) }),
      DROPS: dropped === null ? '-' : exact(dropped),
      PID: String(pid ?? '-'),
      IDX: String(index ?? '-'),
    }));
    expect(told).toMatchObject(wanted);
    const { picks, shown, sampledAway, lost } = summaryFacts(state);
    if (shown + sampledAway + lost === picks) {
      const account = `${exact(picks)} picks = ${exact(shown)} shown + ${exact(sampledAway)} sampled away + ${exact(lost)} lost`;
      for (const text of [html, markdown]) expect(text).toContain(account);
    }
  });

  it('the shares of those that listen add up, and are against the fair one', () => {
    const live = facts.filter(({ listening }) => listening);
    const at = (headings[0] ?? []).indexOf('SHARE') + 1;
    const shares = htmlRows(html)
      .map((row) => row[at] ?? '')
      .filter((share) => share !== '-');
    expect(shares).toHaveLength(live.length);
    expect(shares.reduce((sum, share) => sum + Number.parseFloat(share), 0)).toBeCloseTo(100, 0);
    if (live.length > 1) expect(markdown).toContain(`fair share ${(100 / live.length).toFixed(1)}%`);
  });

  it('the share of one process, and the skew, are against all members', () => {
    const said = (text: string): string | undefined => /skew [\d.]+x/.exec(text)?.[0];
    for (const { pid } of facts) {
      const one = tell(events, { ...ALL, pid });
      if (pid === null || !membersOf(one.state).some((member) => member.closedNs === null)) continue;
      const row = htmlRows(html).find((cells) => cells.includes(String(pid)));
      expect(htmlRows(one.html)).toContainEqual(row);
      expect(said(one.html)).toBe(said(html));
    }
  });

  it('every finding is told, with its verdict', () => {
    const { problems, warnings, notes, summary } = checkFacts(state);
    const plain = markdown.replace(/\s+/g, ' ');
    for (const { text, rule } of summary.findings) {
      expect(plain).toContain(text.replace(/\s+/g, ' '));
      expect(html).toContain(` ${rule} <span`);
    }
    const sum = [...(/^# (.*)$/m.exec(markdown)?.[1] ?? '').matchAll(/\d+/g)].map(Number);
    expect(sum.reduce((all, each) => all + each, 0)).toBe(problems + warnings + notes);
  });

  it('what is not known says why', () => {
    expect(html).not.toMatch(/<td class="(?:number|names)">-<\/td>/);
    for (const [, why = ''] of html.matchAll(/<td class="(?:number|names)" title="([^"]*)">-<\/td>/g))
      expect(markdown).toContain(`-: ${why}`);
  });
});

it('UDP has datagrams, and wake-ups where nothing else is seen', () => {
  const { html } = tell(DATAGRAMS);
  expect(html).toMatch(/2 sockets, 2,434,568 picks, 1,234,644 datagrams received/);
  expect(html).toMatch(/2 sockets, [\d.,MG]+ datagrams: /);
  expect(tell([meta({ rung: 'tracepoint' }), ...DATAGRAMS.slice(1)]).markdown).toMatch(
    / [\d.,MG]+ wake-ups: /,
  );
});

it('a page loads nothing and may run nothing', () => {
  const { html } = tell(RUN);
  expect(html).toContain(
    `content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`,
  );
  expect(html.replace(/<style>[\s\S]*?<\/style>/, '')).not.toMatch(
    /<(?:script|link|img|iframe|object|a|form|use)\b|\b(?:src|href|on\w+|style)=/,
  );
  expect(html).not.toMatch(/url\(|@import|https?:/);
});

describe('names that strangers chose', () => {
  const nasty = [
    '</script><img src=x onerror=alert(1)>',
    '"><svg onload=x>',
    'a\nb | c\r\n## d',
    '\u202egnp.exe\u2066',
    '`code` ``x',
    '|---|---|',
    '[a](http://b)',
    '@everyone #1',
    '<!-- -->&amp;&lt;',
    '\ud800\u0007\u001b[31m',
    '\u05e9\u05dc\u05d5\u05dd',
  ];
  const named = (ino: number, comm: string): OwnersEvent => ({
    kind: 'owners',
    tsNs: at(1),
    ino,
    holders: [{ pid: 100 + ino, comm, fds: [3] }],
  });
  const events: Event[] = [
    meta({ host: nasty[0] ?? '', kernel: nasty[2] ?? '', bpftrace: nasty[1] ?? '' }),
    attached(1),
    ...nasty.flatMap((comm, i) => [
      listen(i + 1, 1.5, { comm }),
      slot(i + 1, i, nasty.length),
      {
        kind: 'process',
        tsNs: at(1),
        pid: 101 + i,
        command: comm,
        unit: null,
        runtime: null,
        container: null,
        pod: null,
      } as Event,
      named(i + 1, comm),
      // A full queue, so that a finding names it.
      count(i + 1, 'picks', 600, 2),
      count(i + 1, 'queue', 512, 2),
      { ...acceptOf(pick(i + 1, 1.9), 2, 101 + i), comm },
    ]),
    tick(3),
    ...nasty.map((comm, i) => close(i + 1, 3.5, { comm, queue: 512 })),
    tick(4),
  ];
  const { html, markdown, state } = tell(events, ALL, nasty.join(' '));

  it('are told of: otherwise this proves nothing', () => {
    expect(membersOf(state)).toHaveLength(nasty.length);
    expect(html).toContain('&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;');
    expect(summaryFacts(state).findings.length).toBeGreaterThan(nasty.length);
  });

  it('make no element, no attribute and no line of HTML', () => {
    const tags = new Set(
      [...html.matchAll(/<\/?([a-z!][a-z0-9]*)/gi)].map(([, name = '']) => name.toLowerCase()),
    );
    const ours =
      '!doctype html head meta title style body main header h1 p dl div dt dd section h2 h3 b span svg rect path line text table tr th td small bdi';
    expect([...tags].filter((tag) => !ours.split(' ').includes(tag))).toEqual([]);
    expect(html.replace(/"[^"<>]*"/g, '""').match(/<[^>]*\bon\w+[^>]*>/g)).toBeNull();
    expect(html).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/,
    );
    expect(html).toContain('<bdi>\u05e9\u05dc\u05d5\u05dd</bdi>');
  });

  it('make no row, heading, link or mention of Markdown', () => {
    expect(htmlRows(html)).toEqual(markdownRows(markdown));
    const fenced = markdown.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '');
    const prose = fenced.replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, '');
    expect(prose).not.toMatch(/[<>@[\]]|alert|code/);
    expect(fenced.match(/^#+ /gm)).toHaveLength(5);
  });
});

describe('a recording with numbers that make no sense', () => {
  const ABSURD = [0, 1, 1e15, Number.MAX_SAFE_INTEGER];

  it('is told of without a number that is none, and in bounds', () => {
    const next = createRandom(7);
    for (const name of readdirSync(FOLDER).filter((each) => each.endsWith('.ndjson.gz'))) {
      const lines = gunzipSync(readFileSync(join(FOLDER, name)))
        .toString()
        .split('\n');
      for (let round = 0; round < 10; round++) {
        const bend = (digits: string): string =>
          next() < 0.06 ? String(ABSURD[Math.floor(next() * ABSURD.length)]) : digits;
        const events = lines
          .map((line) => parseEvent(line.replace(/(?<=:)\d{3,}/g, bend)))
          .filter((event) => event !== null);
        const { html, markdown } = tell(events);
        const text = html.replace(/<style>[\s\S]*?<\/style>/, '') + markdown;
        expect(text.match(/.{0,60}(?:NaN|Infinity|undefined|width="-).{0,30}/)).toBeNull();
        expect(html.length).toBeLessThan(1e6);
      }
    }
  });
});

describe('what there is nothing to say of', () => {
  it('a run in which nobody listened', () => {
    const { html, markdown } = tell([meta(), attached(1), tick(2)], { ...ALL, ports: [8888] });
    expect(html).toContain('Nothing to judge: nothing listens on port 8888');
    expect(markdown).toContain('# Nothing to judge: nothing listens on port 8888');
  });

  it('a run that never began', () => {
    for (const events of [[], [meta({ rung: null, bpftrace: null })]]) {
      const { html, markdown } = tell(events);
      expect(html).toContain('Nothing to judge: the probes were never attached');
      expect(markdown).toContain('- Rung: `-, bpftrace -`');
    }
  });

  it('a recording that was cut', () => {
    const { html, markdown } = tell(RUN, ALL, 'night.gz was read up to line 7');
    for (const text of [html, markdown]) expect(text).toContain('! night.gz was read up to line 7');
  });
});
