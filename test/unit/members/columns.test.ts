import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { COLUMNS, columnsFor } from '../../../src/members/columns.js';
import { membersOf } from '../../../src/members/facts.js';
import { createMetrics } from '../../../src/outputs/metrics/registry.js';
import { reportOf } from '../../../src/outputs/report/contents.js';
import { createHistory } from '../../../src/outputs/report/history.js';
import { toMarkdown } from '../../../src/outputs/report/markdown.js';
import { formatTable } from '../../../src/outputs/table.js';
import { memberColumns } from '../../../src/tui/columns.js';
import { attached, count, listen, meta, NETNS, owners, slot, stateOf, tick } from '../events.js';

/** Two listeners of one process each, which have 5 and 12,345 connections open. */
const OPEN: readonly Event[] = [
  meta({ rung: 'fentry' }),
  attached(1),
  ...[1, 2].flatMap((ino) => [listen(ino), slot(ino, ino - 1, 2), owners(ino, 1000 + ino)]),
  count(1, 'picks', 30, 2),
  count(2, 'picks', 40, 2),
  {
    kind: 'open',
    tsNs: 2e9,
    netns: NETNS,
    laddr: '0.0.0.0',
    lport: 8888,
    processes: [
      { pid: 1001, connections: 5 },
      { pid: 1002, connections: 12_345 },
    ],
    others: 0,
  },
  tick(3),
];

describe('every column', () => {
  it('has one id, one title, and says what it tells', () => {
    expect(new Set(COLUMNS.map(({ id }) => id)).size).toBe(COLUMNS.length);
    expect(new Set(COLUMNS.map(({ title }) => title)).size).toBe(COLUMNS.length);
    expect(COLUMNS.filter(({ about }) => !/\w/.test(about))).toEqual([]);
  });

  it('is shown somewhere', () => {
    expect(COLUMNS.filter(({ screen, table, report }) => !screen && !table && !report)).toEqual([]);
  });

  it('says why it is not known, where a report has it', () => {
    const state = stateOf([meta({ rung: 'tracepoint' }), attached(1), listen(1), tick(2)]);
    const members = membersOf(state);
    const [member] = members;
    if (member === undefined) throw new Error('no member');
    const row = { member, rung: state.rung, share: null, fair: null };
    const silent = columnsFor(members, state.rung).filter(
      ({ report }) => report !== undefined && report.text(row) === '-' && report.why(row) === '',
    );
    expect(silent).toEqual([]);
  });
});

describe('the number of open connections', () => {
  const state = stateOf(OPEN);

  it('is a column of the table, in which comms give way to it', () => {
    expect(formatTable(state).split('\n').slice(1, 4)).toEqual([
      '  IDX     PID COMM      PICKS SHARE ACCEPTED       QUEUE    OPEN     P50     P99',
      '    0    1001 nginx        30 42.9%        0       0/511       5       -       -',
      '    1    1002 nginx        40 57.1%        0       0/511  12,345       -       -',
    ]);
  });

  it('takes the place of P50 where comms are long', () => {
    const long = stateOf(
      OPEN.map((event) =>
        event.kind === 'owners'
          ? { ...event, holders: event.holders.map((holder) => ({ ...holder, comm: 'fifteen-bytes-x' })) }
          : event,
      ),
    );
    const [, heading = '', ...rows] = formatTable(long).split('\n');
    expect(heading).toBe('  IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE    OPEN     P99');
    expect(rows[0]).toBe('    0    1001 fifteen-bytes-x      30 42.9%        0       0/511       5       -');
  });

  it('is in a report, on the screen and a metric, too', async () => {
    const report = toMarkdown(reportOf(state, createHistory(), null));
    expect(report).toMatch(/\| QUEUE \| DROPS \| OPEN \| P50 \|/);
    expect(report).toMatch(/\| 12,345 \|/);
    expect(memberColumns(state, membersOf(state)).map(({ title }) => title)).toContain('OPEN');
    const text = await createMetrics().scrape(state, { nowNs: state.nowNs, restarts: 0, usage: [] });
    expect(text).toMatch(/^reuseport_member_open_connections\{[^}]*ino="2"[^}]*\} 12345$/m);
  });

  it('is no column where it was not counted', () => {
    const uncounted = stateOf(OPEN.filter(({ kind }) => kind !== 'open'));
    expect(columnsFor(membersOf(uncounted), uncounted.rung).map(({ id }) => id)).not.toContain('open');
    expect(formatTable(uncounted)).toContain(
      '  IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99\n',
    );
  });
});

it('gives the screen, the table and the report the same title for the same number', () => {
  const state = stateOf(OPEN);
  const members = membersOf(state);
  const shown = memberColumns(state, members);
  for (const { id, title, screen } of columnsFor(members, state.rung))
    if (screen !== undefined) expect(shown.find((column) => column.id === id)?.title).toBe(title);
});
