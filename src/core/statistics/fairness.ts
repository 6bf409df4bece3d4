// Whether the shares of a group differ beyond chance, asked again at every tick: it knows counts and time, not sockets or causes.
import { logFactorial } from './gamma.js';
import { LARGE, SMALL } from './imbalance.js';

/**
 * Each window's evidence is a likelihood ratio against equal shares, averaged over a prior of unequal ones. While shares
 * are equal such a ratio is a martingale with mean 1, so by Ville's inequality (1939) the chance that it EVER reaches x is
 * at most 1/x, however often one looks (Ramdas, Gruenwald, Vovk, Shafer, Statistical Science 38, 2023). A skew that
 * begins late is drowned in a window that is old, so windows begin all the time (as in the e-detectors of Shin, Ramdas,
 * Rinaldo, New England Journal of Statistics in Data Science 2, 2024), each with the part of the alarm rate that falls to
 * the seconds since the one before it: by the union bound a healthy group gives at most one alarm in LIMIT_SECONDS.
 */
export type Fairness = {
  /** The members; other ones have other expected shares, and everything begins again. */
  inos: readonly number[];
  /** Picks of each when these members were first looked at together, and at the last look. */
  first: readonly number[];
  last: readonly number[];
  /** Where windows begin, oldest first. */
  marks: readonly Mark[];
  /** When the last window began, and how many did before it since the oldest. */
  markedNs: number | null;
  serial: number;
  alarm: Alarm | null;
  /** Picks of each member in that earlier time of unchanged members that saw most of them. */
  earlier: readonly number[];
};

type Mark = {
  readonly serial: number;
  readonly tsNs: number;
  /** Seconds of the alarm rate that it may use. */
  readonly seconds: number;
  readonly picks: readonly number[];
};

/** The shares are not equal; it stands until the accused member's share is fair again. */
export type Alarm = {
  readonly tsNs: number;
  /** Where the window began that showed it, and the picks of each member then. */
  readonly fromNs: number;
  readonly picks: readonly number[];
  /** Index in inos of the member whose share alone says most, and whether it gets too much or too little. */
  readonly accused: number;
  readonly isMore: boolean;
  /** ln of the likelihood ratio when it was raised: 1 over it is a p-value that holds at every look. */
  readonly evidence: number;
  /** Evidence that the accused is fair again: CUSUM of ln likelihood ratios (Page, Biometrika 41, 1954). */
  calm: number;
};

/** 1,000 hours: a healthy group gives at most one false alarm in this time on average. */
export const LIMIT_SECONDS = 3.6e6;
/** A window begins this often at most. Fewer windows, more of the rate for each, and later alarms by half of this. */
const WINDOW_SECONDS = 10;
/** Fewer picks in a window are no load that anybody would want balanced. */
const MIN_PICKS = 30;
/** At the shares that just matter an alarm ends wrongly once in e^this = 3,600 looks at most (Lorden, Ann. Math. Stat. 42, 1971). */
const CALM = Math.log(3600);

export const createFairness = (): Fairness => ({
  inos: [],
  first: [],
  last: [],
  marks: [],
  markedNs: null,
  serial: 0,
  alarm: null,
  earlier: [],
});

/** One look: the picks of each member, in the order of inos. O(members x log time), in time and in memory. */
export const look = (
  fairness: Fairness,
  inos: readonly number[],
  picks: readonly number[],
  tsNs: number,
): void => {
  if (!isSame(inos, fairness.inos)) {
    fairness.earlier = mostPicks(fairness, fairness.inos, fairness.last);
    fairness.inos = inos;
    fairness.first = picks;
    return begin(fairness, picks, tsNs);
  }
  const { last, alarm } = fairness;
  // The user's reset, or an inode given anew: what was counted before is no longer comparable.
  if (hasGoneBack(picks, last)) {
    fairness.first = picks;
    fairness.earlier = [];
    return begin(fairness, picks, tsNs);
  }
  const grown = sum(picks) - sum(last);
  if (grown === 0) return;
  fairness.last = picks;
  if (alarm === null) {
    fairness.alarm = sound(fairness.marks, picks, tsNs);
    if (secondsSinceMark(fairness, tsNs) >= WINDOW_SECONDS) mark(fairness, picks, tsNs);
    return;
  }
  const own = at(picks, alarm.accused) - at(last, alarm.accused);
  alarm.calm = Math.max(0, alarm.calm + calming(alarm, own, grown, inos.length));
  if (alarm.calm >= CALM) begin(fairness, picks, tsNs);
};

/**
 * Picks of each member in the time of unchanged members that saw most of them: the present one, up to `picks` where the
 * members are still `inos`, or an earlier one.
 */
export const mostPicks = (
  fairness: Fairness,
  inos: readonly number[],
  picks: readonly number[],
): readonly number[] => {
  const { first, last, earlier } = fairness;
  const until = isSame(inos, fairness.inos) && !hasGoneBack(picks, last) ? picks : last;
  const now = until.map((count, i) => count - at(first, i));
  return now.length > 1 && sum(now) >= sum(earlier) ? now : earlier;
};

const begin = (fairness: Fairness, picks: readonly number[], tsNs: number): void => {
  Object.assign(fairness, { last: picks, marks: [], serial: -1, alarm: null });
  mark(fairness, picks, tsNs);
};

/**
 * Opens a window and closes those that are one too many: of the windows whose number is an odd multiple of 2^k the last
 * two stay, so that there is one of about every age and their number grows with the logarithm of time.
 */
const mark = (fairness: Fairness, picks: readonly number[], tsNs: number): void => {
  const seconds = secondsSinceMark(fairness, tsNs);
  const serial = fairness.serial + 1;
  fairness.marks = fairness.marks.filter(
    (old) => old.serial === 0 || serial - old.serial <= 4 * (old.serial & -old.serial),
  );
  fairness.marks = [...fairness.marks, { serial, tsNs, seconds, picks }];
  Object.assign(fairness, { serial, markedNs: tsNs });
};

/** No more than one window's worth after a pause: while a computer sleeps nobody looks. */
const secondsSinceMark = ({ markedNs }: Fairness, tsNs: number): number =>
  markedNs === null ? WINDOW_SECONDS : Math.min(WINDOW_SECONDS, Math.max(0, (tsNs - markedNs) / 1e9));

/** The alarm of the window that is furthest beyond its limit; null when none is, or its shares do not matter. */
const sound = (marks: readonly Mark[], picks: readonly number[], tsNs: number): Alarm | null => {
  let [alarm, furthest]: [Alarm | null, number] = [null, 0];
  for (const { tsNs: fromNs, seconds, picks: before } of marks) {
    const window = weigh(picks, before);
    if (window === null) continue;
    const beyond = window.evidence - Math.log(LIMIT_SECONDS / seconds);
    if (beyond < furthest) continue;
    furthest = beyond;
    alarm = { tsNs, fromNs, picks: before, ...window, calm: 0 };
  }
  return alarm;
};

/**
 * The evidence of the counts x of a window, N in n members: half of the weight is on a prior of any shares at all,
 * Dirichlet(1, ..., 1), and half on one member alone having any share, Beta(1, n - 1), the same for each:
 *   ln D   = N ln n + ln (n-1)! + sum ln x! - ln (N+n-1)!
 *   ln S_i = ln x_i! + ln (N-x_i+n-2)!/(n-2)! - ln (N+n-1)!/(n-1)! + x_i ln n - (N-x_i) ln (1-1/n)
 * Their mean is at least the largest of them times its weight, which is what is used; S_i falls and then rises with x_i,
 * so only the least and the most picked one can be it. null while every share is one that does not matter: a large sample
 * rejects fairness for differences that nobody would act on.
 */
export const weigh = (
  picks: readonly number[],
  before: readonly number[],
): Pick<Alarm, 'accused' | 'isMore' | 'evidence'> | null => {
  const n = picks.length;
  let total = 0;
  let least = 0;
  let most = 0;
  let smallest = Number.MAX_SAFE_INTEGER;
  let largest = 0;
  for (let i = 0; i < n; i++) {
    const x = (picks[i] ?? 0) - (before[i] ?? 0);
    total += x;
    if (x < smallest) {
      smallest = x;
      least = i;
    }
    if (x > largest) {
      largest = x;
      most = i;
    }
  }
  const fair = total / n;
  if (n < 2 || total < MIN_PICKS || (largest <= LARGE * fair && smallest >= SMALL * fair)) return null;
  const all = logFactorial(total + n - 1) - logFactorial(n - 1);
  let whole = total * Math.log(n) - all;
  for (let i = 0; i < n; i++) whole += logFactorial((picks[i] ?? 0) - (before[i] ?? 0));
  const alone = (x: number): number =>
    logFactorial(x) +
    logFactorial(total - x + n - 2) -
    logFactorial(n - 2) -
    all +
    x * Math.log(n) -
    (total - x) * Math.log1p(-1 / n);
  const [low, high] = [
    smallest < SMALL * fair ? alone(smallest) : Number.NEGATIVE_INFINITY,
    largest > LARGE * fair ? alone(largest) : Number.NEGATIVE_INFINITY,
  ];
  return {
    accused: high >= low ? most : least,
    isMore: high >= low,
    evidence: Math.max(whole, Math.max(low, high) - Math.log(n)) - Math.LN2,
  };
};

/** What new picks say for a fair share of the accused and against the share that just matters, as ln likelihood ratio. */
const calming = (alarm: Alarm, own: number, all: number, n: number): number => {
  const skewed = (alarm.isMore ? LARGE : SMALL) / n;
  return own * Math.log(1 / n / skewed) + (all - own) * Math.log((1 - 1 / n) / (1 - skewed));
};

const at = (counts: readonly number[], index: number): number => counts[index] ?? 0;

// Loops, for these are all that most looks at a healthy group do.
const isSame = (a: readonly number[], b: readonly number[]): boolean => {
  if (a === b) return true;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
};

const hasGoneBack = (picks: readonly number[], last: readonly number[]): boolean => {
  for (let i = 0; i < picks.length; i++) if (at(picks, i) < at(last, i)) return true;
  return false;
};

const sum = (counts: readonly number[]): number => {
  let total = 0;
  for (const count of counts) total += count;
  return total;
};
