// The verdict on a run for scripts: whether anything was found, what, and how even the shares are; as text, JSON or NDJSON.

import type { Writable } from 'node:stream';
import type { State } from '../core/state/state.js';
import { formatCount } from '../core/text/format.js';
import { toJson } from '../core/wire/json.js';
import { headingLine } from '../members/heading.js';
import { type CheckFacts, checkFacts, type GroupFacts } from '../members/verdict.js';
import { findingLines } from './findings.js';
import type { Output } from './output.js';
import { createWriter } from './writer.js';

type Kind = 'lines' | 'json' | 'ndjson';

/** Prints nothing until the end. */
export const createCheck = (
  stream: Writable,
  kind: Kind,
  onFailure: (error: NodeJS.ErrnoException) => void,
): Output & { readonly exitCode: (state: State) => 0 | 3 } => {
  const writer = createWriter(stream, onFailure);
  return {
    take: () => undefined,
    end: (state) => writer.all(linesOf(state, kind)),
    dropped: writer.dropped,
    exitCode: (state) => checkFacts(state).exitCode,
  };
};

const linesOf = (state: State, kind: Kind): string[] => {
  const facts = checkFacts(state);
  switch (kind) {
    case 'json':
      return [toJson(facts, 2)];
    case 'ndjson': {
      const { groups, members, summary, ...verdict } = facts;
      const found = summary.findings.map((finding) => ({ kind: 'finding', ...finding }));
      return [...groups, ...members, ...found, summary, verdict].map((each) => toJson(each));
    }
    case 'lines':
      return [
        ...facts.groups.flatMap((group) => groupLines(state, group)),
        ...findingLines(state),
        verdictLine(facts),
      ];
  }
};

const groupLines = (state: State, group: GroupFacts): string[] => {
  const { listeners: members, left, picks, accepted, received, shares } = group;
  const note = left === 0 ? '' : `, ${left} left`;
  const head = headingLine(state, group, { members, note, picks, taken: received ?? accepted });
  return shares === null ? [head] : [head, `  ${shares.text}`];
};

const verdictLine = ({ verdict, problems, warnings, notes, summary }: CheckFacts): string => {
  const over = `in ${summary.seconds.toFixed(1)} s, ${formatCount(summary.picks)} picks, ${summary.rung ?? '-'} rung`;
  const counts = [
    [problems, 'problem'],
    [warnings, 'warning'],
    [notes, 'note'],
  ] as const;
  const said = counts.flatMap(([count, noun]) =>
    count === 0 ? [] : [`${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`],
  );
  return `${verdict}: ${said.length === 0 ? 'nothing found' : said.join(', ')} ${over}`;
};
