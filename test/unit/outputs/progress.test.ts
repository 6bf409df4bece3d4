import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createProgress, progressText } from '../../../src/outputs/progress.js';
import { ALL, attached, count, listen, meta, stateOf } from '../events.js';

const open = () => {
  const stream = new PassThrough();
  const clock = { ms: 0 };
  const progress = createProgress(stream, () => clock.ms);
  return { progress, clock, written: () => String(stream.read() ?? '') };
};

describe('the line of progress', () => {
  it('comes late, seldom, and goes', () => {
    const { progress, clock, written } = open();
    const asked: number[] = [];
    for (clock.ms = 0; clock.ms < 1000; clock.ms += 50)
      progress.show(() => {
        asked.push(clock.ms);
        return `${clock.ms}`;
      });
    expect(asked).toEqual([500, 700, 900]);
    expect(written()).toBe('\r500\u001b[K\r700\u001b[K\r900\u001b[K');
    clock.ms = 1099;
    progress.show(() => expect.unreachable());
    progress.clear();
    progress.clear();
    expect(written()).toBe('\r\u001b[K');
  });

  it('is not there for what is quick, nor for nobody', () => {
    const { progress, written } = open();
    progress.show(() => expect.unreachable());
    progress.clear();
    expect(written()).toBe('');
    const unseen = createProgress(null, () => 1e9);
    unseen.show(() => expect.unreachable());
    unseen.clear();
  });
});

describe('its words', () => {
  const state = stateOf([meta(), attached(1), listen(1), count(1, 'picks', 1_234_567, 60)], ALL);
  it.each([
    [0.427, ' 42%  14:04:07  1.2M picks'],
    [1, '100%  14:04:07  1.2M picks'],
    [null, '14:04:07  1.2M picks'],
  ])('%j', (part, text) => expect(progressText(state, part)).toBe(text));

  it('know no time before the recording told it', () =>
    expect(progressText(stateOf([]), 0)).toBe('  0%  -  0 picks'));
});
