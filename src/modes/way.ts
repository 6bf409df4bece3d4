// The way from this host to a member.
import { networkInterfaces } from 'node:os';
import type { Member } from '../core/state/member.js';
import { HOST_PROC, namespaceOf } from '../proc/listeners.js';
import { type Route, routeOf } from '../reach/route.js';

/** null = nobody who could lead into its network namespace is known. `from`: null = as the kernel would choose it. */
export const wayTo = (member: Member, from: string | null, to: string): Route | null => {
  const own = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  return routeOf({
    ...{ proto: member.proto, from, to, port: member.lport },
    isOwn: namespaceOf(HOST_PROC.root, 'self') === member.netns,
    own: new Set(own),
    pid: member.holders[0]?.pid ?? null,
  });
};
