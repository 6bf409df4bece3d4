// Which picks of the log say something of the seed: those whose hash was told, or whose index was that of a choice by hash alone.
import type { PickEvent, Proto } from '../core/event.js';
import type { Group } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { foldMapped } from '../core/text/endpoint.js';
import { type Tuple, tupleOf } from './jhash.js';
import { type Clue, indexClue } from './search.js';

/** A pick with what it says. */
export type Evident = {
  readonly pick: PickEvent;
  readonly tuple: Tuple;
  /** Key of the group of the member that was picked. */
  readonly group: string;
  readonly clue: Clue;
  /** Position of the pick in the run. */
  readonly number: number;
};

export type Evidence = {
  /** Newest first, one for each 4-tuple. */
  readonly evident: readonly Evident[];
  /** Keys of groups by how many of their picks came so soon after a change that n and the order may be those of before. */
  readonly unsettled: ReadonlyMap<string, number>;
};

/**
 * Where a pick is seen at the end of the handshake, it was made a round trip before, perhaps among others. Later than this
 * after a change it was not: a SYN-ACK is sent again after 1 s (TCP_TIMEOUT_INIT).
 */
const SETTLED_NS = 1e9;

/** The picks of a namespace that say something, of IPv4 alone: the IPv6 hash has a second seed. */
export const evidenceOf = (state: State, proto: Proto, netns: number): Evidence => {
  const since = new Map<string, { n: number; tsNs: number }>();
  const unsettled = new Map<string, number>();
  const evident = new Map<string, Evident>();
  const isSteered = (state.lookups.get(netns)?.length ?? 0) > 0;
  for (const entry of state.picks.items) {
    if (entry.kind === 'change') {
      const key = state.members.get(entry.event.ino)?.group;
      if (key !== undefined) since.set(key, { n: -1, tsNs: entry.event.tsNs });
      continue;
    }
    const { pick, number } = entry;
    if (pick.netns !== netns || (pick.proto ?? 'tcp') !== proto) continue;
    const group = state.members.get(pick.ino)?.group;
    if (group === undefined) continue;
    const before = since.get(group);
    if (before === undefined) since.set(group, { n: pick.n, tsNs: Number.NEGATIVE_INFINITY });
    // After a change that was logged, n is not known until now.
    else if (before.n !== pick.n)
      since.set(group, { n: pick.n, tsNs: before.n < 0 ? before.tsNs : pick.tsNs });
    const tuple = tupleOf({ ...pick, laddr: foldMapped(pick.laddr), raddr: foldMapped(pick.raddr) });
    if (tuple === null) continue;
    const key = `${pick.raddr} ${pick.rport} ${pick.laddr} ${pick.lport}`;
    // The newest of a connection stands last.
    evident.delete(key);
    if (pick.hash !== null) {
      const clue = { tuple, lowest: pick.hash, width: 1 };
      evident.set(key, { pick, tuple, group, clue, number });
      continue;
    }
    if (pick.index === null || pick.index >= pick.n || pick.n < 2) continue;
    if (isSteered || hasProgram(state.groups.get(group))) continue;
    if (pick.tsNs - (since.get(group)?.tsNs ?? 0) < SETTLED_NS) {
      unsettled.set(group, (unsettled.get(group) ?? 0) + 1);
      continue;
    }
    evident.set(key, { pick, tuple, group, clue: indexClue(tuple, pick.index, pick.n), number });
  }
  return { evident: [...evident.values()].reverse(), unsettled };
};

const hasProgram = (group: Group | undefined): boolean => group !== undefined && group.program !== null;
