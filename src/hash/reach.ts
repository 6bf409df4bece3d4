// The other way round: source ports whose connections get one member.
import { EPHEMERAL } from '../core/text/sources.js';
import { type Tuple, withPort } from './jhash.js';
import type { Oracle } from './predict.js';

/** The ports that Linux gives out by itself first, then all others that need no privilege. */
const PORTS: readonly (readonly [from: number, to: number])[] = [
  [EPHEMERAL.from, EPHEMERAL.to],
  [1024, EPHEMERAL.from - 1],
  [EPHEMERAL.to + 1, 65_535],
];

/** Up to `most` free source ports that lead to the member at `index`; `tuple` is the connection from any port. */
export const portsTo = (
  { indexOf }: Oracle,
  tuple: Tuple,
  index: number,
  isFree: (port: number) => boolean,
  most: number,
): number[] => {
  const found: number[] = [];
  for (const [from, to] of PORTS)
    for (let port = from; port <= to; port++) {
      if (found.length >= most) return found;
      if (indexOf(withPort(tuple, port)) === index && isFree(port)) found.push(port);
    }
  return found;
};
