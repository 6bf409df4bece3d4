// Knows how to accept connections well, slowly, or no longer; refuses to know who else shares the port.

import { createServer } from 'node:net';
import { blockFor, endWithParent, exitIfOrphan, PARENT_POLL_MS } from './parent.js';

/** Small, so that a worker that got stuck has a full queue within seconds. */
const BACKLOG = 32;

const [number, parentPid, slowMs, stuckAfterMs, fd] = process.argv.slice(2).map(Number);

serve(number ?? 0, parentPid ?? 0, slowMs ?? 0, stuckAfterMs ?? 0, fd ?? 0);

/** slowMs: work per connection. stuckAfterMs: 0 is never. Says `listening` on stdout when it does. */
function serve(number: number, parent: number, slowMs: number, stuckAfterMs: number, fd: number): void {
  process.title = `demo-worker-${number}`; // sets /proc/PID/comm too
  endWithParent(parent);

  const server = createServer((socket) => {
    socket.on('error', () => {}); // a client that resets is its own business
    socket.resume();
    if (slowMs > 0) {
      exitIfOrphan(parent);
      blockFor(slowMs);
    }
  });
  // Node ignores `backlog` beside `fd` in one options object (and takes 511), but not as an argument of its own.
  server.listen({ fd }, BACKLOG, () => process.stdout.write('listening\n'));

  if (stuckAfterMs > 0) {
    setTimeout(() => {
      // The socket stays open and in its group; nothing but a signal gets through to this loop.
      while (true) {
        exitIfOrphan(parent);
        blockFor(PARENT_POLL_MS);
      }
    }, stuckAfterMs);
  }
}
