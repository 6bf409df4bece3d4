// What the rules say of an array of events, for their tests: a line for each finding that stands at the end.

import type { Event } from '../../../../../src/core/event.js';
import { findings } from '../../../../../src/core/findings/diagnosis.js';
import type { RuleId } from '../../../../../src/core/findings/rules/all.js';
import { type Finding, markOf } from '../../../../../src/core/state/finding.js';
import type { Scope } from '../../../../../src/core/state/state.js';
import { ALL, stateOf, tick } from '../../../events.js';

/** A tick each second, both ends included. */
export const beats = (from: number, to: number): Event[] =>
  Array.from({ length: to - from + 1 }, (_, i) => tick(from + i));

/** The findings of one rule that stand after these events. */
export const found = (rule: RuleId, events: readonly Event[], scope: Scope = ALL): Finding[] =>
  findings(stateOf(events, scope)).filter((finding) => finding.rule === rule);

/** Mark and sentence of each. */
export const said = (rule: RuleId, events: readonly Event[], scope?: Scope): string[] =>
  found(rule, events, scope).map((finding) => `${markOf(finding)} ${finding.text}`);
