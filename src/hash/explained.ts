// What Explain is told of hashes that the kernel did not tell: to look is to ask, and begins to learn.
import type { PickEvent } from '../core/event.js';
import type { Group } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { foldMapped, isIPv6 } from '../core/text/endpoint.js';
import type { LearnedHash } from '../core/words/explain.js';
import type { Learned, Learner } from './learner.js';
import { TWO_SEEDS } from './target.js';
import { isOver, whyUnknown } from './unknown.js';

export type Hashes = {
  /** The hashes of picks of a State, for an explanation. */
  readonly of: (state: State) => LearnedHash;
  /**
   * Whether the hash of a pick may be known later: a search is under way; or, for who is patient, more picks would do.
   */
  readonly isPending: (state: State, pick: PickEvent, isPatient: boolean) => boolean;
};

export const createHashes = (learner: Learner): Hashes => {
  // Looking through the log costs some ms, and a screen is drawn ten times a second.
  let last: { group: string; ticks: number; learned: Learned } | null = null;
  const learnedOf = (state: State, group: Group): Learned => {
    const { key } = group;
    if (last?.group !== key || last.ticks !== state.ticks || last.learned.kind === 'searching')
      last = { group: key, ticks: state.ticks, learned: learner.learn(state, group) };
    return last.learned;
  };
  const groupOf = (state: State, pick: PickEvent): Group | null =>
    state.groups.get(state.members.get(pick.ino)?.group ?? '') ?? null;
  return {
    of: (state) => (pick) => {
      const hash = learner.hashOf(pick);
      if (hash !== null) return hash;
      if (isIPv6(foldMapped(pick.raddr))) return `not known: ${TWO_SEEDS}`;
      const group = groupOf(state, pick);
      if (group === null) return 'not known: its group is gone';
      const learned = learnedOf(state, group);
      // What has just been learned is in the next frame.
      if (learned.kind === 'known') return 'not known yet';
      return `not known${isOver(learned) ? '' : ' yet'}: ${whyUnknown(learned)}`;
    },
    isPending: (state, pick, isPatient) => {
      if (learner.hashOf(pick) !== null || isIPv6(foldMapped(pick.raddr))) return false;
      const group = groupOf(state, pick);
      if (group === null) return false;
      const learned = learner.learn(state, group);
      return learned.kind === 'searching' || (isPatient && learned.kind !== 'known' && !isOver(learned));
    },
  };
};
