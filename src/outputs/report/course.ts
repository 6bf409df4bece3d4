// The course of a run, oldest first: who joined and left, what was found and when it was gone.
import { findings, pastFindings } from '../../core/findings/diagnosis.js';
import { type Finding, markOf } from '../../core/state/finding.js';
import type { State } from '../../core/state/state.js';
import { clean } from '../../core/text/format.js';
import { exact } from '../../members/cells.js';
import { clockAt, nameOf, whoText } from './format.js';
import type { Change, History } from './history.js';

/** Something that happened. */
export type Entry = {
  readonly clock: string;
  readonly what: 'join' | 'leave' | 'found' | 'gone';
  readonly text: string;
};

export type Course = {
  readonly entries: readonly Entry[];
  /** Entries after those. */
  readonly more: number;
};

const ENTRIES_TOLD = 200;

export const courseOf = (state: State, history: History): Course => {
  const all = [
    ...history.changes.map(changed),
    ...[...findings(state), ...pastFindings(state)].flatMap(found),
  ]
    .sort((a, b) => a.tsNs - b.tsNs)
    .map(({ tsNs, what, text }): Entry => ({ clock: clockAt(state, tsNs), what, text: text(state) }));
  return { entries: all.slice(0, ENTRIES_TOLD), more: Math.max(0, all.length - ENTRIES_TOLD) };
};

type Happening = {
  readonly tsNs: number;
  readonly what: Entry['what'];
  readonly text: (state: State) => string;
};

const changed = ({ tsNs, kind, member, who, queue }: Change): Happening => ({
  tsNs,
  what: kind,
  text: (state) => {
    const unit = member.proto === 'udp' ? 'bytes queued' : 'queued';
    const left = queue === null || queue === 0 ? '' : `, ${exact(queue)} ${unit}`;
    return `${nameOf(state, member)} ${whoText(who)}${left}`;
  },
});

const found = (finding: Finding): Happening[] => {
  const text = (): string => briefly(finding);
  const { raisedNs, clearedNs } = finding;
  return [
    { tsNs: raisedNs, what: 'found', text },
    ...(clearedNs === null ? [] : [{ tsNs: clearedNs, what: 'gone', text } as const]),
  ];
};

/** Its rule and whom it is about: the numbers in its text are those of later. */
export const briefly = (finding: Finding): string => {
  const [about = ''] = clean(finding.text).split(': ');
  return `${markOf(finding)} ${finding.rule}: ${about.length > 60 ? `${about.slice(0, 59)}…` : about}`;
};
