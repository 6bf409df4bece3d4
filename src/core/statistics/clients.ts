// How many different clients a member has, estimated from a few bits that the kernel keeps; it knows none of them by name.
import { formatCount } from '../text/format.js';

/**
 * Bits for each member, one of which is set for each client address by its hash: linear counting (Whang, Vander-Zanden and
 * Taylor, A linear-time probabilistic counting algorithm, 1990). 128 bytes a member hold for some 5,000 clients.
 */
export const CLIENT_BITS = 1024;

export type Clients = {
  /** The estimate; a lower bound when isMore. */
  readonly about: number;
  /** One standard error of the estimate, in clients. */
  readonly error: number;
  /** Nearly all bits are set: there are more than can be told. */
  readonly isMore: boolean;
};

/** Clients from the number of set bits: -m ln(1 - set / m). */
export const estimateClients = (set: number): Clients => {
  const m = CLIENT_BITS;
  // Below 8 free bits the error grows beyond all use: some 5,000 clients.
  const isMore = set > m - 8;
  const about = m * Math.log(m / (m - Math.min(set, m - 8)));
  const load = about / m;
  return { about: Math.round(about), error: Math.sqrt(m * (Math.exp(load) - load - 1)), isMore };
};

/** `7`, `>4,968`; null is `-`. */
export const formatClients = (clients: Clients | null): string =>
  clients === null ? '-' : `${clients.isMore ? '>' : ''}${formatCount(clients.about)}`;
