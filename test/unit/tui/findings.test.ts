// View 6: what stands, worst first, what is over, and for the selected one the evidence, the advice and the mechanism.
import { describe, expect, it } from 'vitest';
import { type Finding, keyOf } from '../../../src/core/state/finding.js';
import type { State } from '../../../src/core/state/state.js';
import type { Model } from '../../../src/tui/model.js';
import { look, SIZES, SMALL, selectedRow, USUAL, WIDE } from './look.js';
import { at, busyGroup, meta, stateOf, ticks } from './scenes.js';

/** busyGroup(8), of which the rules' own findings are put away: what the view does depends on no rule. */
const withFindings = (...found: readonly Finding[]): State => {
  const state = stateOf(busyGroup(8));
  state.findings.active.clear();
  state.findings.history.length = 0;
  for (const finding of found) {
    if (finding.clearedNs === null) state.findings.active.set(finding.key, finding);
    else state.findings.history.push(finding);
  }
  return state;
};

const [group = ''] = withFindings().groups.keys();

const finding = (serial: number, change: Partial<Finding> = {}): Finding => {
  const condition = {
    rule: 'stuck',
    severity: 'problem',
    group,
    ino: 8_888_007,
    detail: '',
    sinceNs: at(3),
    lastNs: at(13),
    text: 'tcp 0.0.0.0:8888 #7 pid 1208 nginx: 512/511 queued, no accept() for 10 s',
    evidence: { pid: 12_345, queue: 512, backlog: 511, waitMs: 10_000, largestShare: 0.123456, since: null },
    advice: 'Look at its stack.',
    why: 'The kernel does not ask whether anybody accepts there.',
    doubt: null,
    ...change,
  } as const;
  return {
    ...condition,
    key: keyOf(condition),
    serial,
    raisedNs: at(8),
    clearedNs: change.clearedNs ?? null,
  };
};

const STUCK = finding(1);
const SKEW = finding(2, {
  rule: 'skew',
  severity: 'warning',
  ino: 8_888_003,
  text: 'tcp 0.0.0.0:8888 #3 pid 1204 nginx: 2.31x its fair share',
});
const NOTE = finding(3, { rule: 'renumbered', severity: 'note', ino: null, text: 'n changed 8 -> 7' });
const OVER = finding(4, { rule: 'overflow', severity: 'problem', clearedNs: at(12), text: 'it was full' });
const OLDER = finding(5, { rule: 'lost-at-close', clearedNs: at(9), text: '3 were reset' });
const RUN = finding(6, { rule: 'lossy', severity: 'warning', group: null, ino: null, text: '4 events lost' });

describe('the view of findings', () => {
  it('has the worst first, then what is over, the newest first and without a mark', () => {
    const seen = look(withFindings(NOTE, SKEW, STUCK, OLDER, OVER), WIDE).press('6');
    const rows = seen.text().split('\n');
    expect(rows[1]).toMatch(/6 FINDINGS +3 now, 2 cleared$/);
    expect(rows.slice(3, 10)).toEqual([
      '   SINCE        FOR RULE          WHAT',
      'x▸ 14:00:03    10 s stuck         tcp 0.0.0.0:8888 #7 pid 1208 nginx: 512/511 queued, no accept() for 10 s',
      '!  14:00:03    10 s skew          tcp 0.0.0.0:8888 #3 pid 1204 nginx: 2.31x its fair share',
      'i  14:00:03    10 s renumbered    n changed 8 -> 7',
      '   -- cleared, newest first --',
      '   14:00:03     9 s overflow      it was full',
      '   14:00:03     6 s lost-at-close 3 were reset',
    ]);
  });

  it('shows of the selected one everything that it has', () => {
    const seen = look(withFindings({ ...STUCK, doubt: '12 events were lost' }), WIDE).press('6');
    for (const part of [
      /┌ problem: stuck ─+ 14:00:03 to now, 10 s ┐/,
      /│ pid 12345 {3}queue 512 {3}backlog 511 {3}waitMs 10,000 {3}largestShare 0\.123 {3}since - +│/,
      /│ 12 events were lost +│/,
      /│ try: Look at its stack\. +│/,
      /│ why: The kernel does not ask whether anybody accepts there\. +│/,
    ])
      expect(seen.text()).toMatch(part);
  });

  it('says when one that is over ended', () => {
    const seen = look(withFindings(STUCK, OVER), WIDE).press('6', 'end');
    expect(selectedRow(seen.text())).toMatch(/^14:00:03 .* overflow /);
    expect(seen.text()).toMatch(/┌ problem: overflow ─+ 14:00:03 to 14:00:12, 9 s ┐/);
  });

  it.each(SIZES)('has room for the worst, its whole sentence and what to try at $columns x $rows', (size) => {
    const seen = look(withFindings(STUCK, SKEW, NOTE, OVER), size).press('6');
    expect(seen.text()).toMatch(/^x▸.*stuck/m);
    const below = seen.text().replaceAll(/[│\s]+/g, ' ');
    expect(below).toMatch(/(?:nginx|#7): 512\/511 queued, no accept\(\) for 10 s/);
    expect(below).toContain('try: Look at its stack.');
  });

  it('scrolls through more than fit, and keeps the selection when a worse one comes', () => {
    const many = Array.from({ length: 60 }, (_, i) =>
      finding(i + 1, { detail: String(i), text: `number ${i}` }),
    );
    const seen = look(withFindings(...many), USUAL).press('6', 'end');
    expect(selectedRow(seen.text())).toContain('number 59');
    seen.later((state) => state.findings.active.set('new', finding(99, { rule: 'ended', detail: 'new' })));
    expect(selectedRow(seen.text())).toContain('number 59');
    seen.press('home');
    expect(selectedRow(seen.text())).toContain('ended');
  });

  it('opens the member that a finding is about, and comes back', () => {
    const seen = look(withFindings(STUCK, SKEW)).press('6', 'down', 'return');
    expect(seen.model()).toMatchObject({ view: 'group', group });
    expect(selectedRow(seen.text())).toMatch(/^3 +1204 nginx/);
    seen.press('escape');
    expect(seen.model().view).toBe('findings');
    expect(selectedRow(seen.text())).toContain('skew');
    seen.press('escape');
    expect(seen.model().view).toBe('groups');
  });

  it.each<[string, Finding, Partial<Model>, RegExp]>([
    ['the group as a whole', NOTE, { view: 'group', group }, /8 listeners/],
    ['a refused bind', finding(7, { rule: 'bind-refused' }), { view: 'binds' }, /4 BINDS/],
    ['the run', RUN, { view: 'findings' }, /about the run as a whole/],
    [
      'a group that is gone',
      finding(8, { group: 'gone' }),
      { view: 'findings' },
      /Nobody listens there any more/,
    ],
  ])('goes where there is something to see of %s', (_, about, model, text) => {
    const seen = look(withFindings(about)).press('6', 'return');
    expect(seen.model()).toMatchObject(model);
    expect(seen.text()).toMatch(text);
  });

  it('is filtered by rule and words, and to what needs doing', () => {
    const seen = look(withFindings(STUCK, SKEW, NOTE, OVER), WIDE).press('6', '/', ...'SKEW', 'return');
    expect(seen.text()).toMatch(/filter: SKEW[\s\S]*▸ 14:00:03 +10 s skew/);
    expect(seen.text()).not.toMatch(/ stuck /);
    seen.press('escape', 'e');
    expect(seen.text()).toMatch(/problems only[\s\S]* stuck [\s\S]* skew /);
    expect(seen.text()).not.toMatch(/renumbered|cleared,/);
    expect(look(withFindings(NOTE)).press('6', 'e').text()).toMatch(/No finding matches: Esc shows all/);
  });

  it.each([
    [
      'before anything is attached',
      () => stateOf([meta()]),
      /Nothing is judged before the probes are attached/,
    ],
    [
      'when nothing is wrong, with what this rung cannot see',
      () => stateOf([meta(), ...ticks(3)]),
      /Nothing wrong was found since 14:00:01[\s\S]*does not see what is dropped/,
    ],
    [
      'on a rung that sees all',
      () => stateOf([meta({ rung: 'fentry' }), ...ticks(3)]),
      /Nothing wrong was found since(?![\s\S]*does not see)/,
    ],
  ])('says %s that there is none', (_, make, seen) => {
    expect(look(make()).press('6').text()).toMatch(seen);
  });

  it('is named where findings do not fit below the other views', () => {
    const many = [STUCK, SKEW, RUN].map((each, i) => ({ ...each, severity: 'problem', serial: i }) as const);
    expect(look(withFindings(...many), USUAL).text()).toMatch(/\+1 more \(6\)\n/);
    expect(look(withFindings(...many), SMALL).text()).toMatch(/\+2 more\n/);
    expect(
      look(withFindings(...many), USUAL)
        .press('6')
        .text(),
    ).not.toMatch(/more \(6\)/);
  });

  it('lets no name move a cursor', () => {
    const hostile = '\u001b[2J\n{red-fg}\u202e日';
    const bad = finding(1, {
      text: hostile,
      advice: hostile,
      why: hostile,
      doubt: hostile,
      evidence: { [hostile]: hostile },
    });
    for (const size of [...SIZES, { columns: 300, rows: 90 }]) {
      const text = look(withFindings(bad, { ...bad, clearedNs: at(12) }), size)
        .press('6')
        .text();
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e日]/);
    }
  });
});
