// A kernel of which the seed is known: groups whose members are picked by its hash, as events of a state.
import { apply } from '../../../src/core/apply.js';
import { scale } from '../../../src/core/cause.js';
import type { Event, PickEvent } from '../../../src/core/event.js';
import type { Group } from '../../../src/core/state/group.js';
import { createState, type State } from '../../../src/core/state/state.js';
import type { StartHunt } from '../../../src/hash/hunt.js';
import { type Formula, jhash, type Tuple, termsOf, tupleOf } from '../../../src/hash/jhash.js';
import { search } from '../../../src/hash/search.js';
import { createPlainSieve } from '../../../src/hash/sieve.js';
import { ALL, at, attached, meta, pick, slot } from '../events.js';

export const SEED = 0x9e37_79b9;

export const hashOf = (change: Partial<PickEvent>, formula: Formula = 'added', seed = SEED): number => {
  const tuple = tupleOf({ ...pick(0), ...change }) as Tuple;
  return jhash(termsOf(formula, tuple), seed);
};

/** Members 1 to n of a group in that order. */
export const slots = (n: number, change: Partial<PickEvent> = {}): Event[] =>
  Array.from({ length: n }, (_, index) => {
    const { netns, lport } = { ...pick(0), ...change };
    return slot(index + 1, index, n, { netns, lport });
  });

/** The pick of a group of n by its hash, one each ms from second 5 on; ino = index + 1. */
export const picked = (n: number, i: number, change: Partial<PickEvent> = {}): PickEvent => {
  const raddr = change.raddr ?? '10.0.0.7';
  const rport = change.rport ?? 20_000 + i;
  const index = scale(hashOf({ ...change, raddr, rport }), n);
  const event = pick(index + 1, 0, { index, n, raddr, rport, ...change });
  return { ...event, tsNs: at(5) + i * 1e6 };
};

export const worldOf = (...events: readonly Event[]): State => {
  const state = createState(ALL);
  for (const event of [meta(), attached(1), ...events]) apply(state, event);
  return state;
};

export const groupOf = (state: State): Group => {
  const [group] = state.groups.values();
  if (group === undefined) throw new Error('no group');
  return group;
};

/** Searches the neighbourhood of SEED alone, and at once; `hunts` counts how often it was asked. */
export const createHunter = (): { readonly start: StartHunt; hunts: number } => {
  const hunter = {
    hunts: 0,
    start: ((clues, formulas) => {
      hunter.hunts++;
      const from = SEED - (SEED % 4096);
      const steps = search(createPlainSieve(), { clues, formulas, from, to: from + 4096 });
      let step = steps.next();
      while (step.done !== true) step = steps.next();
      return {
        part: () => 0.5,
        found: Promise.resolve(step.value),
        hold: () => undefined,
        stop: () => undefined,
      };
    }) as StartHunt,
  };
  return hunter;
};
