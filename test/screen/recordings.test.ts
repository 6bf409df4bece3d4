// Every view at three sizes from recordings that were captured on real kernels: what is on the screen is what they hold.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { RUNGS } from '../../src/core/rung.js';
import type { MemberFacts } from '../../src/members/facts.js';
import { packageRoot } from '../../src/package.js';
import { built, openTerminal, type Terminal } from './terminal.js';

const FOLDER = fileURLToPath(new URL('test/fixtures/', packageRoot()));
const recordings = readdirSync(FOLDER).filter((name) => name.endsWith('.ndjson.gz'));
const terminals: Terminal[] = [];

afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.kill();
});

/** What the same recording closes with as NDJSON: the screen must say no other number. */
const membersOf = (path: string): MemberFacts[] =>
  execFileSync(
    process.execPath,
    [built('src/cli.js'), 'replay', '--speed', '0', '--output', 'ndjson', path],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  )
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MemberFacts)
    .filter((fact) => fact.kind === 'member' && fact.listening);

const rowsOf = (name: string) =>
  [
    [80, 24],
    [120, 40],
    [40, 10],
  ].map(([columns, rows]) => [name, columns, rows] as const);

describe('a recording of a real kernel', { timeout: 120_000 }, () => {
  it('is there for every rung', () => {
    for (const rung of RUNGS) expect(recordings.some((name) => name.includes(rung))).toBe(true);
  });

  it.each(recordings.flatMap(rowsOf))('%s at %i x %i', async (name, columns = 80, rows = 24) => {
    const path = join(FOLDER, name);
    const members = membersOf(path);
    expect(members.length).toBeGreaterThan(2);
    const terminal = openTerminal([built('src/cli.js'), 'replay', '--speed', '0', path], { columns, rows });
    terminals.push(terminal);
    // One group is shown at once; its heading has no room for the address on 40 columns.
    await terminal.see(
      'the groups',
      columns === 40 ? /:8888 +REPLAY|REPLAY[\s\S]*127\.0\.0\.1/ : /REPLAY[\s\S]*127\.0\.0\.1/,
    );
    terminal.press('2');
    const [first] = members;
    await terminal.see('the members', new RegExp(`${first?.pid}`));
    await terminal.stands();
    for (const member of columns === 40 ? members.slice(0, 1) : members) {
      const row = terminal.rows().find((line) => new RegExp(`\\b${member.pid}\\b`).test(line)) ?? '';
      expect(row).toContain(`${member.queue}/${member.backlog}`);
      if (columns > 40) expect(row).toMatch(new RegExp(` ${member.picks} `));
    }
    terminal.press('3');
    await terminal.see('the picks', columns === 40 ? /127\.0\.0\.1|:\d+/ : /SOURCE[\s\S]*127\.0\.0\.1:\d+/);
    terminal.press('4');
    await terminal.see(
      'the refused binds',
      columns === 40 ? /EADDRINUSE|refused/ : /intruder[\s\S]*EADDRINUSE/,
    );
    terminal.press('5');
    await terminal.see('an explanation', /1 hash/);
    terminal.press('6');
    await terminal.see(
      'the findings',
      columns === 40 ? /RULE +WHAT|Nothing wrong/ : /6 FINDINGS[\s\S]*(?:RULE +WHAT|Nothing wrong)/,
    );
    expect(terminal.rows().every((row) => row.length <= columns)).toBe(true);
    terminal.press('q');
    await terminal.until('the end', () => !terminal.isAlternate());
  });
});
