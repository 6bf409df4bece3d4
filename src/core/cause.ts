// Why the kernel took that member: the algorithm of reuseport_select_sock, told back from what it read and chose.
import type { Cause } from './event.js';

/** What a probe on reuseport_select_sock sees (net/core/sock_reuseport.c, 6.12). */
export type Choice = {
  readonly hash: number;
  readonly n: number;
  /** Index of the picked member in socks[]; null = not found. */
  readonly index: number | null;
  readonly cpu: number;
  /** bpf_prog_type of the group's program, negative = none. */
  readonly programType: number;
  /** 1 = reuseport_select_sock_by_hash ran, 0 = it did not, 2 = this kernel does not tell. */
  readonly byHash: number;
  /** Members that have set SO_INCOMING_CPU (sock_reuseport.incoming_cpu); 0 where the kernel does not heed it. */
  readonly incomingCpus: number;
  /** SO_INCOMING_CPU of the picked member, -1 = not set. */
  readonly memberCpu: number;
  /** sk_state of the member at the computed index: 1 = a connected UDP socket. */
  readonly computedState: number;
};

/** TCP_ESTABLISHED, which a connected UDP socket has too. */
const ESTABLISHED = 1;

/** The index that the hash gives: reciprocal_scale(), (u64)hash * n >> 32. Exact: hash * n is below 2^48. */
export const scale = (hash: number, n: number): number => Math.floor((hash * n) / 2 ** 32);

/** The cause of a pick; null when what was seen fits none. */
export const causeOf = (choice: Choice): Cause | null => {
  if (choice.programType >= 0) {
    if (choice.byHash === 2) return null;
    return choice.byHash === 1 ? 'bpf-fallback' : 'bpf';
  }
  if (choice.incomingCpus > 0 && choice.memberCpu === choice.cpu) return 'incoming-cpu';
  if (choice.index === scale(choice.hash, choice.n)) return 'hash';
  return choice.computedState === ESTABLISHED ? 'skipped-connected' : null;
};
