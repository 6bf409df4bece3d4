// What a group counted in all: its members and those that left together, so that no sum goes back when one leaves.
import type { Rung } from '../event.js';
import {
  type Departed,
  droppedOf,
  establishedOf,
  type Member,
  picksOf,
  queuedAtClosings,
  total,
} from './member.js';

/** Cumulative; what each counts is said at COUNTERS. */
export type Sums = {
  picks: number;
  established: number;
  accepted: number;
  droppedSyn: number;
  droppedAck: number;
  refused: number;
  killed: number;
  movedFrom: number;
  /** Connections in the accept queue of a member when it stopped listening: reset, or migrated. */
  queuedAtClose: number;
  /** Datagrams. */
  delivered: number;
  overflowed: number;
  received: number;
};

export const createSums = (): Sums => ({
  picks: 0,
  established: 0,
  accepted: 0,
  droppedSyn: 0,
  droppedAck: 0,
  refused: 0,
  killed: 0,
  movedFrom: 0,
  queuedAtClose: 0,
  delivered: 0,
  overflowed: 0,
  received: 0,
});

/** Adds one member's counts to the sums of its group. */
export const addSums = (sums: Sums, member: Member | Departed, rung: Rung | null): void => {
  const { counters } = member;
  sums.picks += picksOf(member);
  sums.established += establishedOf(member, rung);
  sums.accepted += total(counters.accepted);
  sums.droppedSyn += total(counters.dropped_syn);
  sums.droppedAck += total(counters.dropped_ack);
  sums.refused += total(counters.refused);
  sums.killed += total(counters.killed);
  sums.movedFrom += total(counters.moved_from);
  sums.delivered += total(counters.delivered);
  sums.overflowed += member.proto === 'udp' ? (droppedOf(member, rung) ?? 0) : 0;
  sums.received += total(counters.received);
  // Of UDP that is bytes.
  if (member.proto === 'tcp') sums.queuedAtClose += queuedAtClosings(member);
};
