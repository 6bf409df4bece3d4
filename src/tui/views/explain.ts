// View 5: one pick as arithmetic, laid out for a screen; the sentences are core/words/explain's.

import type { LoggedPick, State } from '../../core/state/state.js';
import { explain, type Step } from '../../core/words/explain.js';
import { clockOf, entryAt } from '../logs.js';
import type { Model } from '../model.js';
import { BOLD, cells, EMPTY, type Line, line, span, wrap } from '../text.js';
import { type Context, isNarrow, type View } from '../view.js';

/** The pick that is explained: the one chosen (null when it is no longer in the log), else the newest. */
const explainedPick = (state: State, model: Model): LoggedPick | null => {
  const chosen = model.selected.explain;
  if (typeof chosen === 'number') {
    const item = entryAt(state.picks, chosen);
    return item?.kind === 'pick' ? item : null;
  }
  return state.picks.items.findLast((entry): entry is LoggedPick => entry.kind === 'pick') ?? null;
};

const body = (context: Context, height: number): Line[] => {
  const { state, model, columns, nowNs } = context;
  const logged = explainedPick(state, model);
  if (logged === null) return [line(' That pick is no longer in the log. [ ] shows others, Esc goes back.')];
  const isShort = isNarrow(context);
  const learned = context.answers?.hashes(state);
  const { title, steps, others } = explain(state, logged, {
    ...{ nowNs, isShort, otherN: model.otherN },
    ...(learned === undefined ? {} : { learned }),
  });
  const cpu = isShort ? '' : `   on cpu ${logged.pick.cpu}`;
  const gap = isShort ? [] : [EMPTY];
  return [
    line(` ${cells(title)}${cpu}`, BOLD),
    ...gap,
    ...steps.flatMap((step, index) => stepLines(index + 1, step, columns)),
    ...(others === null ? [] : [...gap, ...wrap(others, columns - 2).map((row) => line(` ${row}`))]),
  ].slice(0, height);
};

const stepLines = (number: number, { name, text }: Step, columns: number): Line[] => {
  const lead = ` ${number} ${name.padEnd(7)}`;
  return wrap(cells(text), Math.max(10, columns - lead.length - 1)).map((row, index) =>
    index === 0 ? [span(lead, BOLD), span(row)] : line(' '.repeat(lead.length) + row),
  );
};

export const explainView: View = {
  name: 'explain',
  title: 'Explain',
  isOffered: (state) => state.picks.items.some((item) => item.kind === 'pick'),
  rows: (state, model) => {
    const logged = explainedPick(state, model);
    return state.picks.items.flatMap((item) =>
      item.kind === 'pick' &&
      (model.group === null || logged === null || sameGroup(state, item, model.group) || item === logged)
        ? [item.number]
        : [],
    );
  },
  isLog: false,
  sortable: () => [],
  sort: null,
  open: (model) => model,
  body,
  corner: ({ state, model }) => {
    const logged = explainedPick(state, model);
    return logged === null ? '' : `pick ${clockOf(state, logged.pick.tsNs)}`;
  },
  hints: () => [
    ['Esc', 'Back'],
    ['[ ]', 'Previous/next pick'],
    ['m', 'Choose n'],
    ['Space', 'Pause'],
    ['w', 'Save'],
  ],
};

const sameGroup = (state: State, { pick }: LoggedPick, key: string): boolean =>
  state.members.get(pick.ino)?.group === key;
