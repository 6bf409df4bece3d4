// What a lab case is. Knows nothing of how cases are found or run.

export type Case = {
  /** A sentence: what holds when the case passes. The filter of guest.ts looks in it. */
  readonly name: string;
  /** Throws when it does not hold. Leaves nothing running behind. */
  readonly run: () => Promise<void>;
  /** Takes many minutes: run only when a word asks for it. */
  readonly isLong?: boolean;
  /** After which it hangs; absent = a quarter of an hour. */
  readonly deadlineMs?: number;
};
