// The help overlay: every key, every mark and column in a few words; two columns where there is room, else one to scroll.
import { aboutOf } from '../../members/columns.js';
import { box } from '../box.js';
import { BOLD, EMPTY, fitTo, type Line, line, span } from '../text.js';

type Entry = readonly [key: string, does: string];

const KEYS: readonly (readonly [string, readonly Entry[]])[] = [
  [
    'MOVE',
    [
      ['Up Down  j k', 'row'],
      ['PgUp PgDn', 'page'],
      ['Home End  g G', 'first, last'],
      ['Left Right', 'hidden columns'],
    ],
  ],
  [
    'DATA',
    [
      ['s  < >', 'sort by'],
      ['I', 'reverse the order'],
      ['/', 'filter, ! inverts'],
      ['e', 'problems only'],
      ['f', 'follow newest (3 4)'],
    ],
  ],
  [
    'VIEW',
    [
      ['1-6  Tab S-Tab', 'choose view'],
      ['Enter', 'open, explain'],
      ['Esc', 'back (never quits)'],
      ['Space  p', 'pause, resume'],
      ['+ -', 'refresh 0.5 to 10 s'],
      ['r', 'reset counters'],
      ['[ ]  m', 'in 5: other pick, n'],
      ['c', 'in 2: how to reach it'],
      ['w', 'save a snapshot'],
      ['R', 'restart bpftrace'],
      ['q  Ctrl-C', 'quit'],
    ],
  ],
];

const WORDS: readonly Entry[] = [
  ['MARKS', 'x problem   ! warning   i note   ▸ selected   - unknown'],
  ['PICKS', aboutOf('picks')],
  ['SHARE', 'part of all picks; │ is the fair share, 1 / listeners'],
  ['SKEW', `largest share / fair share   OPEN  ${aboutOf('open')}, on wide screens`],
  ['QUEUE', aboutOf('queue')],
  ['RPORT', `SO_REUSEPORT is set   DROPS  ${aboutOf('dropped')}`],
  ['P50 P99', aboutOf('p50')],
  ['LOST', 'log lines bpftrace could not deliver; counters are exact'],
];

const WIDE = 76;

/** Rows of the overlay, from `top` on, in at most `height` rows. */
export const helpLines = (width: number, height: number, top: number): Line[] => {
  const content = contentOf(width - 4);
  const room = Math.max(1, height - 2);
  const from = Math.min(top, lastTop(width, height));
  const shown = content.slice(from, from + room);
  const more = from + room < content.length ? 'Down for more' : '? or Esc closes';
  return box('Help', more, shown, width);
};

/** The furthest that help can be scrolled. */
export const lastTop = (width: number, height: number): number =>
  Math.max(0, contentOf(width - 4).length - Math.max(1, height - 2));

const contentOf = (inside: number): Line[] => {
  const words = WORDS.map(([word, text]): Line => [span(fitTo(word, 9), BOLD), span(text)]);
  const [move, data, view] = KEYS.map(([title, entries]) => section(title, entries));
  if (move === undefined || data === undefined || view === undefined) return words;
  if (inside < WIDE) return [...move, ...data, ...view, EMPTY, ...words];
  const left = [...move, ...data];
  const half = Math.floor(inside / 2);
  const rows = Array.from({ length: Math.max(left.length, view.length) }, (_, index): Line => {
    const start = left[index] ?? EMPTY;
    const used = start.reduce((sum, part) => sum + part.text.length, 0);
    return [...start, span(' '.repeat(Math.max(1, half - used))), ...(view[index] ?? EMPTY)];
  });
  return [...rows, ...words];
};

const KEY_WIDTH = 14;

const section = (title: string, entries: readonly Entry[]): Line[] => [
  line(title, BOLD),
  ...entries.map(([key, does]): Line => [span(` ${fitTo(key, KEY_WIDTH)} `, { color: 'cyan' }), span(does)]),
];
