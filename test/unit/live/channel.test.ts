import { expect, it } from 'vitest';
import { createChannel } from '../../../src/live/channel.js';

/** Reads everything into a list. */
const readAll = async <T>(channel: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of channel) items.push(item);
  return items;
};

it('gives what was put before, in order, and ends', async () => {
  const channel = createChannel<number>();
  for (const item of [1, 2, 3]) channel.put(item);
  channel.end();
  expect(await readAll(channel)).toEqual([1, 2, 3]);
});

it('wakes a reader that waits', async () => {
  const channel = createChannel<number>();
  const reading = readAll(channel);
  await Promise.resolve();
  channel.put(1);
  await Promise.resolve();
  channel.put(2);
  channel.end();
  expect(await reading).toEqual([1, 2]);
});

it('takes what is put while an item is read', async () => {
  const channel = createChannel<number>();
  channel.put(1);
  const items: number[] = [];
  for await (const item of channel) {
    items.push(item);
    if (item < 5) channel.put(item + 1);
    else channel.end();
  }
  expect(items).toEqual([1, 2, 3, 4, 5]);
});

it('ends for a reader that comes later, and takes nothing after the end', async () => {
  const channel = createChannel<number>();
  channel.end();
  channel.put(1);
  expect(await readAll(channel)).toEqual([]);
});
