// What keeps only its newest entries, so that nothing grows with the length of a run.

export type Ring<T> = {
  readonly capacity: number;
  /** Entries ever pushed; `pushed - items.length` of them are gone. */
  pushed: number;
  /** Oldest first. */
  readonly items: T[];
};

/** An empty ring for at most `capacity` entries (a positive integer). */
export const createRing = <T>(capacity: number): Ring<T> => ({ capacity, pushed: 0, items: [] });

/**
 * Appends an entry and returns the entries that had to go, oldest first. A quarter of the capacity goes at a time:
 * shifting an array one by one costs its length for every push.
 */
export const push = <T>(ring: Ring<T>, item: T): readonly T[] => {
  ring.items.push(item);
  ring.pushed++;
  if (ring.items.length <= ring.capacity) return NONE;
  return ring.items.splice(0, Math.ceil(ring.capacity / 4));
};

const NONE: readonly never[] = [];

/** Drops the oldest key of a map or set that has more than `most`: to be called whenever one was added. */
export const dropOldest = <K>(
  kept: { readonly size: number; keys(): Iterable<K>; delete(key: K): boolean },
  most: number,
): void => {
  if (kept.size <= most) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
};
