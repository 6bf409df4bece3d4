// The host's end of a virtio port: a socket, its bytes, and the mark that ends them.
// Knows nothing of what the bytes mean.

import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Digits of the exit code that follows the mark. */
const CODE_LENGTH = 3;

export type Listener = {
  /** QEMU's connection; undefined when the listener was closed before one came. */
  readonly connection: Promise<Socket | undefined>;
  readonly close: () => void;
};

export async function listen(path: string): Promise<Listener> {
  const server = createServer();
  const connection = new Promise<Socket | undefined>((resolve) => {
    server.once('connection', resolve);
    server.once('close', () => resolve(undefined));
  });
  server.listen(path);
  await once(server, 'listening');
  return { connection, close: () => server.close() };
}

/** Copies to the sink until the mark. The code after it; undefined when there was none. */
export async function receive(
  socket: AsyncIterable<Buffer> | undefined,
  mark: string,
  sink: Writable,
): Promise<number | undefined> {
  let held = Buffer.alloc(0);
  if (socket === undefined) return undefined;
  try {
    for await (const chunk of socket) {
      held = Buffer.concat([held, chunk]);
      const end = endOfText(held, mark);
      await write(sink, held.subarray(0, end));
      held = held.subarray(end);
      if (held.length >= mark.length + CODE_LENGTH) {
        return Number(held.toString('latin1', mark.length, mark.length + CODE_LENGTH));
      }
    }
  } catch {
    // A reset connection is a guest that died: what came until then stands.
  }
  await write(sink, held);
  return undefined;
}

/** Where the mark, or what may become the mark with the next bytes, begins. */
export function endOfText(bytes: Buffer, mark: string): number {
  const whole = bytes.indexOf(mark);
  if (whole >= 0) return whole;
  const start = bytes.lastIndexOf(mark.charAt(0));
  const isBegun = start >= 0 && mark.startsWith(bytes.toString('latin1', start));
  return isBegun ? start : bytes.length;
}

async function write(sink: Writable, bytes: Buffer): Promise<void> {
  if (bytes.length > 0 && !sink.write(bytes)) await once(sink, 'drain');
}
