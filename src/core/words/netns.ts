// What network namespaces are called, the same in every output; it reads none.
import type { State } from '../state/state.js';

/**
 * `host` for that of process 1, the name in /run/netns, else the inode. A name that would pass for the host's or for
 * another's inode is not used: whoever may add a namespace may call it so.
 */
export const netnsName = (state: State, netns: number): string => {
  if (netns === state.meta?.hostNetns) return 'host';
  const name = state.netnsNames.get(netns) ?? '';
  return /^(?:host|\d*)$/.test(name) ? String(netns) : name;
};
