import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createWriter } from '../../../src/outputs/writer.js';
import { createSink } from './sink.js';

const PENDING = 4 << 20;

it('writes lines in order and says when all are written', async () => {
  const { stream, text } = createSink();
  const writer = createWriter(stream, () => expect.unreachable());
  for (const line of ['a', '', 'c']) writer.line(line);
  await writer.flush();
  expect([text(), writer.dropped()]).toEqual(['a\n\nc\n', 0]);
});

it('drops and counts what a reader that has stopped does not take, and keeps no more than 4 MiB and a line', async () => {
  const { stream, text, take } = createSink({ isSlow: true });
  const writer = createWriter(stream, () => expect.unreachable());
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 10_000; i++) writer.line(line);
  expect(writer.dropped()).toBe(10_000 - (PENDING / 1024 + 1));
  expect(stream.writableLength).toBeLessThanOrEqual(PENDING + 1024);
  take();
  await writer.flush();
  writer.line('the reader is back');
  await writer.flush();
  expect(text().length).toBe((PENDING / 1024 + 1) * 1024 + 19);
});

it('can be flushed again and again, and drops nothing of what is written between', async () => {
  let taken = 0;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      taken += chunk.length;
      setImmediate(done);
    },
  });
  const writer = createWriter(stream, () => expect.unreachable());
  const listeners = stream.listenerCount('error');
  for (let i = 0; i < 100; i++) {
    writer.line('x'.repeat(PENDING));
    await writer.flush();
  }
  expect([writer.dropped(), taken]).toEqual([0, 100 * (PENDING + 1)]);
  expect(stream.listenerCount('error')).toBe(listeners);
});

const failing = (code: string) =>
  new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`${code}: it is gone`), { code })),
  });

it.each(['EPIPE', 'ENOSPC'])(
  'tells of %s once, and does not call the reader slow for what comes after',
  async (code) => {
    const failures: (string | undefined)[] = [];
    const writer = createWriter(failing(code), (error) => failures.push(error.code));
    writer.line('a');
    await writer.flush();
    await new Promise((resolve) => setImmediate(resolve));
    writer.line('b');
    writer.line('c');
    await writer.flush();
    expect([failures, writer.dropped()]).toEqual([[code], 0]);
  },
);

it('does not wait for a stream that fails while it flushes, or has been closed', async () => {
  const writer = createWriter(failing('EPIPE'), () => undefined);
  writer.line('a');
  await Promise.all([writer.flush(), writer.flush()]);
  const { stream } = createSink();
  const closed = createWriter(stream, () => undefined);
  stream.destroy();
  await closed.flush();
});
