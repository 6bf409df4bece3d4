// What was learned of the kernel's hash, by network namespace: when picks are enough to search with, and what came of it.
import type { PickEvent, Proto } from '../core/event.js';
import type { Group } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { foldMapped } from '../core/text/endpoint.js';
import { type Evident, evidenceOf } from './evidence.js';
import type { Hunt, StartHunt } from './hunt.js';
import { FORMULAS, type Formula, jhash, type Tuple, termsOf, tupleOf } from './jhash.js';
import { bitsOf, type Found } from './search.js';

/** The hash of a connection. It holds the seed where nothing prints it: in no field of any object. */
export type Hasher = (tuple: Tuple) => number;

/** How far the learning is, for one namespace. */
export type Learned =
  | { readonly kind: 'known'; readonly hashOf: Hasher }
  /** part: of the seeds that have been tried, 0 to 1. */
  | { readonly kind: 'searching'; readonly part: number }
  /** So many more picks of the group would be enough. isUnsettled: most of those seen came too soon after a change of n. */
  | { readonly kind: 'wanting'; readonly picks: number; readonly isUnsettled: boolean }
  /** No seed explains so many picks: something else than the hash decides at times. isFinal: it is not tried again. */
  | { readonly kind: 'contradicted'; readonly picks: number; readonly isFinal: boolean }
  | { readonly kind: 'failed'; readonly why: string };

export type Learner = {
  /** How far it is with what decides in a group; begins to search once there are picks enough. Cheap enough for every tick. */
  readonly learn: (state: State, group: Group) => Learned;
  /** The same without beginning anything. */
  readonly look: (state: State, group: Group) => Learned;
  /** The hash of a pick; null = not learned, or not to be learned (IPv6). */
  readonly hashOf: (pick: PickEvent) => number | null;
  readonly isSearching: () => boolean;
  /** Resolves when no search is under way; the process does not end before. */
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
};

/**
 * What the picks must say together, in bits: 33 tell one seed and formula from all others, 23 more leave a chance of one in
 * 8 million that another explains them by accident. Two hashes are 64.
 */
const NEEDED_BITS = 56;
/** Searches, each with picks of its own, after which nothing explains them. One pick that is not what it seems spoils a search. */
const MOST_TRIES = 3;

type Namespace = {
  hasher: Hasher | null;
  /** The search under way; ended resolves when what it found has been taken in. */
  hunt: (Pick<Hunt, 'part' | 'hold' | 'stop'> & { readonly ended: Promise<void> }) | null;
  /** Picks that were searched with in vain, by position in the run. */
  readonly spent: Set<number>;
  /** Searches in vain with the picks of one group alone. */
  readonly tries: Map<string, number>;
  /** A search with the picks of several groups was in vain: one of them is steered. */
  isMixed: boolean;
  /** More than NEEDED_BITS, once a search found two. */
  needed: number;
  why: string | null;
};

/** onChange is called when a search ends. */
export const createLearner = (startHunt: StartHunt, onChange: () => void): Learner => {
  const namespaces = new Map<string, Namespace>();
  /** The formulas of the running kernel, once one was found. */
  const formulas = new Map<Proto, Formula>();
  const at = (proto: Proto, netns: number): Namespace => {
    const key = `${proto} ${netns}`;
    const known = namespaces.get(key);
    if (known !== undefined) return known;
    const made = {
      hasher: null,
      hunt: null,
      spent: new Set<number>(),
      tries: new Map<string, number>(),
      isMixed: false,
      needed: NEEDED_BITS,
      why: null,
    };
    namespaces.set(key, made);
    return made;
  };

  const look = (state: State, group: Group): { learned: Learned; chosen: readonly Evident[] } => {
    const known = at(group.proto, group.netns);
    if (known.hasher !== null) return { learned: { kind: 'known', hashOf: known.hasher }, chosen: [] };
    if (known.hunt !== null) return { learned: { kind: 'searching', part: known.hunt.part() }, chosen: [] };
    if (known.why !== null) return { learned: { kind: 'failed', why: known.why }, chosen: [] };
    const { evident, unsettled } = evidenceOf(state, group.proto, group.netns);
    const fresh = evident.filter(({ number }) => !known.spent.has(number));
    const own = fresh.filter((each) => each.group === group.key);
    const tries = known.tries.get(group.key) ?? 0;
    const usable = known.isMixed || tries > 0 ? own : fresh;
    // Its own picks first: what steers another group says nothing of this one.
    const chosen = tries < MOST_TRIES ? (enough(own, known.needed) ?? enough(usable, known.needed)) : null;
    if (chosen !== null) return { learned: { kind: 'searching', part: 0 }, chosen };
    if (tries > 0) {
      const isFinal = tries >= MOST_TRIES;
      return { learned: { kind: 'contradicted', picks: known.spent.size, isFinal }, chosen: [] };
    }
    const perPick = Math.log2(Math.max(2, group.n ?? 2));
    const picks = Math.ceil((known.needed - sumOf(usable)) / perPick);
    const isUnsettled = (unsettled.get(group.key) ?? 0) > own.length;
    return { learned: { kind: 'wanting', picks, isUnsettled }, chosen: [] };
  };

  const begin = (known: Namespace, group: Group, chosen: readonly Evident[]): void => {
    const formula = formulas.get(group.proto);
    const { found, ...hunt } = startHunt(
      chosen.map(({ clue }) => clue),
      formula === undefined ? FORMULAS : [formula],
    );
    const ended = found
      .then(
        (all) => conclude(known, group, chosen, all),
        (error: unknown) => {
          known.why = error instanceof Error ? error.message : String(error);
        },
      )
      .then(() => {
        known.hunt = null;
        onChange();
      });
    known.hunt = { ...hunt, ended };
  };

  const conclude = (
    known: Namespace,
    group: Group,
    chosen: readonly Evident[],
    found: readonly Found[],
  ): void => {
    const [only, ...others] = found;
    if (only !== undefined && others.length === 0) {
      const { formula, seed } = only;
      formulas.set(group.proto, formula);
      known.hasher = (tuple) => jhash(termsOf(formula, tuple), seed);
      return;
    }
    if (only !== undefined) {
      known.needed += 16;
      return;
    }
    if (chosen.some((each) => each.group !== group.key)) {
      known.isMixed = true;
      return;
    }
    for (const { number } of chosen) known.spent.add(number);
    known.tries.set(group.key, (known.tries.get(group.key) ?? 0) + 1);
  };

  return {
    learn: (state, group) => {
      const { learned, chosen } = look(state, group);
      if (chosen.length > 0) begin(at(group.proto, group.netns), group, chosen);
      return learned;
    },
    look: (state, group) => look(state, group).learned,
    hashOf: (pick) => {
      if (pick.hash !== null) return pick.hash;
      const hasher = namespaces.get(`${pick.proto ?? 'tcp'} ${pick.netns}`)?.hasher ?? null;
      if (hasher === null) return null;
      const tuple = tupleOf({ ...pick, laddr: foldMapped(pick.laddr), raddr: foldMapped(pick.raddr) });
      return tuple === null ? null : hasher(tuple);
    },
    isSearching: () => [...namespaces.values()].some(({ hunt }) => hunt !== null),
    settled: async () => {
      for (const { hunt } of namespaces.values()) {
        hunt?.hold();
        await hunt?.ended;
      }
    },
    stop: () => {
      for (const { hunt } of namespaces.values()) hunt?.stop();
    },
  };
};

const sumOf = (evident: readonly Evident[]): number =>
  evident.reduce((sum, { clue }) => sum + bitsOf(clue), 0);

/** The newest that say as much as is needed; null = all of them say less. */
const enough = (evident: readonly Evident[], needed: number): readonly Evident[] | null => {
  let bits = 0;
  for (const [index, { clue }] of evident.entries()) {
    bits += bitsOf(clue);
    if (bits >= needed) return evident.slice(0, index + 1);
  }
  return null;
};
