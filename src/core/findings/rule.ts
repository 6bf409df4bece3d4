// What a rule is: it describes itself, and says what is so now. Each stands in a file of its own in rules/.
import type { Condition, Severity } from '../state/finding.js';
import type { State } from '../state/state.js';

export type Rule = {
  readonly id: string;
  /** What its findings are at worst; a condition that is milder says so itself. */
  readonly severity: Severity;
  /**
   * How long a finding stands after its condition was last seen, nanoseconds: long enough that one that comes and goes is
   * one finding, short enough that one that is over is gone while somebody looks. Single occurrences stay for a minute.
   */
  readonly clearsNs: number;
  /** What it says better of the same member: findings of these rules are cleared when one of this rule is raised. */
  readonly supersedes: readonly Rule[];
  /** What is so now; what must be so for a while is the rule's to know. */
  readonly conditions: (state: State) => Condition[];
};
