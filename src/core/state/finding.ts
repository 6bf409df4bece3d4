// What a finding is, and the memory of those that were cleared.

/** problem: connections fail or wait for ever; warning: likely not what was meant; note: worth knowing, and ordinary. */
export type Severity = 'problem' | 'warning' | 'note';
export const SEVERITIES: readonly Severity[] = ['problem', 'warning', 'note'];

/** Numbers and words for scripts, by name with their unit; null = not known. */
export type Evidence = Readonly<Record<string, number | string | null>>;

/** What a rule says of this moment. */
export type Condition = {
  /** Where it is milder than its rule says. */
  readonly severity?: Severity;
  /** Key of the group it is about, and inode of the member; null = the run as a whole, the group as a whole. */
  readonly group: string | null;
  readonly ino: number | null;
  /** Tells findings of one rule, group and member apart, such as the address of a refused bind; empty = there is one. */
  readonly detail: string;
  /** When it began, and when it was last so, in nanoseconds of event time. */
  readonly sinceNs: number;
  readonly lastNs: number;
  /** One sentence with the numbers. Names in it are clean. */
  readonly text: string;
  readonly evidence: Evidence;
  /** One thing to try. */
  readonly advice: string;
  /** One line on the mechanism. */
  readonly why: string;
  /** How far its numbers can be trusted, when events or probe runs were lost; null = they are exact. */
  readonly doubt: string | null;
};

export type Finding = Condition & {
  /** The id of its rule. */
  readonly rule: string;
  readonly severity: Severity;
  /** Rule, group, inode and detail: what it is known by while it stands. */
  readonly key: string;
  /** Position among all findings of the run, from 1: one that comes again has another. */
  readonly serial: number;
  /** When it was raised, and when it was cleared; null = it stands. */
  readonly raisedNs: number;
  readonly clearedNs: number | null;
};

/**
 * A finding was raised, changed its severity, or was cleared. Derived from State, not part of a recording: a replay finds
 * it again, at the same time.
 */
export type FindingEvent = Finding & {
  readonly kind: 'finding';
  readonly tsNs: number;
  readonly status: 'raised' | 'changed' | 'cleared';
};

/** The findings of a run. */
export type Findings = {
  /** Those that stand, by key. */
  readonly active: Map<string, Finding>;
  /** Those that were cleared, oldest first: see keep(). */
  readonly history: Finding[];
  /** What the event that was applied last has raised, changed or cleared. */
  news: readonly FindingEvent[];
  /** Findings ever raised. */
  raised: number;
};

/** More than anybody reads; a finding has a kilobyte. */
const HISTORY_KEPT = 512;

export const createFindings = (): Findings => ({
  active: new Map(),
  history: [],
  news: [],
  raised: 0,
});

/** Takes a cleared finding into the history. Of too many the oldest of the least severity goes: no note makes a problem forgotten. */
export const keep = ({ history }: Findings, finding: Finding): void => {
  history.push(finding);
  if (history.length <= HISTORY_KEPT) return;
  const least = SEVERITIES.findLast((severity) => history.some((each) => each.severity === severity));
  history.splice(
    history.findIndex((each) => each.severity === least),
    1,
  );
};

/** What a finding is known by. */
export const keyOf = ({
  rule,
  group,
  ino,
  detail,
}: Pick<Finding, 'rule' | 'group' | 'ino' | 'detail'>): string =>
  `${rule} ${group ?? '-'} ${ino ?? '-'} ${detail}`;

/** The mark in column 1: `x` a problem, `!` a warning, `i` a note. */
export const markOf = ({ severity }: Pick<Finding, 'severity'>): 'x' | '!' | 'i' =>
  severity === 'problem' ? 'x' : severity === 'warning' ? '!' : 'i';
