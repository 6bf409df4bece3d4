// A stream that keeps what is written to it, and takes it only when it is told to.
import { Writable } from 'node:stream';

export type Sink = { readonly stream: Writable; readonly text: () => string; readonly take: () => void };

/** `isSlow`: takes nothing before take() is called, and then one write after another. */
export const createSink = ({ isSlow = false } = {}): Sink => {
  let text = '';
  let waiting: (() => void) | null = null;
  let isTaking = !isSlow;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      if (!isSlow) done();
      else if (isTaking) setImmediate(done);
      else waiting = done;
    },
  });
  return {
    stream,
    text: () => text,
    take: () => {
      isTaking = true;
      waiting?.();
    },
  };
};
