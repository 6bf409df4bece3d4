// What listens on ports that the user did not ask for: only to say so while the asked ones are silent.
import type { Event, Holder } from '../event.js';

/** One other port with its listeners. */
export type Elsewhere = {
  readonly lport: number;
  readonly listeners: number;
  readonly holder: Holder | null;
};

/** Sockets and their holders by inode, whatever their port. */
export type Sightings = {
  ports: Map<number, number>;
  readonly holders: Map<number, Holder>;
  /** Sockets of a scan that is not complete yet. */
  scanning: Map<number, number>;
};

export const createSightings = (): Sightings => ({
  ports: new Map(),
  holders: new Map(),
  scanning: new Map(),
});

/** Notes a socket found in /proc and the first who holds it; other events are passed over. */
export const sight = (sightings: Sightings, event: Event): void => {
  if (event.kind === 'socket') {
    sightings.ports.set(event.ino, event.lport);
    sightings.scanning.set(event.ino, event.lport);
  } else if (event.kind === 'scanned') {
    sightings.ports = sightings.scanning;
    sightings.scanning = new Map();
    for (const ino of sightings.holders.keys()) if (!sightings.ports.has(ino)) sightings.holders.delete(ino);
  } else if (event.kind === 'close') {
    sightings.ports.delete(event.ino);
    sightings.holders.delete(event.ino);
  } else if (event.kind === 'owners' && event.holders[0] !== undefined) {
    sightings.holders.set(event.ino, event.holders[0]);
  }
};

/** The ports with most listeners first, without the given ones. */
export const elsewhere = (sightings: Sightings, without: readonly number[]): Elsewhere[] => {
  const found = new Map<number, { listeners: number; holder: Holder | null }>();
  for (const [ino, lport] of sightings.ports) {
    if (without.includes(lport)) continue;
    const port = found.get(lport) ?? { listeners: 0, holder: sightings.holders.get(ino) ?? null };
    port.listeners++;
    found.set(lport, port);
  }
  return [...found]
    .map(([lport, port]) => ({ lport, ...port }))
    .sort((a, b) => b.listeners - a.listeners || a.lport - b.lport);
};
