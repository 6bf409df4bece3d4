// Lets several writers feed one reader in the order of arrival; it keeps what was not read yet and nothing else.

export type Channel<T> = AsyncIterable<T> & {
  /** Appends an item; ignored after end(). */
  readonly put: (item: T) => void;
  /** No more items come; the reader ends when it has read those that wait, by throwing the error where one is given. */
  readonly end: (error?: unknown) => void;
};

/** An unbounded channel for one reader. The reader's work on an item is synchronous and short, so it stays short. */
export const createChannel = <T>(): Channel<T> => {
  let waiting: T[] = [];
  let isEnded = false;
  let failure: unknown = null;
  let wake: (() => void) | null = null;
  const stir = (): void => {
    wake?.();
    wake = null;
  };
  return {
    put: (item) => {
      if (isEnded) return;
      waiting.push(item);
      stir();
    },
    end: (error = null) => {
      if (!isEnded) failure = error;
      isEnded = true;
      stir();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const batch = waiting;
        waiting = [];
        yield* batch;
        if (waiting.length > 0) continue;
        if (isEnded) {
          if (failure !== null) throw failure;
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};
