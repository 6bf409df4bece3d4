// Knows whether the process that started this one is still there; refuses to know what either of them does.

/** How often the parent is looked for: soon enough that nothing seems left behind, rare enough to cost nothing. */
export const PARENT_POLL_MS = 250;

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Exits when the parent has gone, also by SIGKILL: the kernel then gives this process another parent. */
export function endWithParent(parent: number): void {
  whenOrphan(parent, () => process.exit(0));
}

/** Calls then, once, when the parent has gone. */
export function whenOrphan(parent: number, then: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    then();
  }, PARENT_POLL_MS);
  timer.unref();
}

/** Exits at once when the parent has gone: for loops that starve timers. */
export function exitIfOrphan(parent: number): void {
  if (process.ppid !== parent) process.exit(0);
}

/** Stops the whole event loop for so long, as a long computation would, without using the CPU. */
export function blockFor(milliseconds: number): void {
  Atomics.wait(cell, 0, 0, milliseconds);
}
